// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/file_system.h"

namespace voicectl {

/// The real side of FileSystem.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::optional<std::string>> read(const std::string& path, std::size_t max_bytes) override;
  Result<std::optional<std::string>> read_without_links(const std::string& path,
                                                        std::size_t max_bytes) override;
  Result<std::string> real_path(const std::string& path) override;
  Status replace_atomically(const std::string& path,
                            std::string_view content,
                            FileMode mode) override;
  Status replace_owned(const std::string& path,
                       std::string_view content,
                       FileMode mode,
                       UserIds owner) override;
  Status replace_link(const std::string& path, const std::string& target) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path, FileMode mode) override;
  Status remove(const std::string& path) override;
  Status set_owner(const std::string& path, UserIds owner) override;
  Status move(const std::string& from, const std::string& to) override;
};

}  // namespace voicectl
