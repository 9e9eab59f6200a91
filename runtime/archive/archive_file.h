// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace voicectl::runtime {

/// Hears how many bytes of a long piece of work are done.
using OnBytes = std::function<void(std::uint64_t bytes)>;

/// A tar file, compressed with zstd, of few members with names of our own. Mode 0600 from its first
/// byte on.
class ArchiveWriter {
 public:
  /// Makes the file; what was there under the name is gone. ERRORS: kPermissionDenied,
  /// kResourceExhausted.
  static Result<std::unique_ptr<ArchiveWriter>> create(const std::string& path);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  Status add(const std::string& name, std::string_view content);
  Status add_file(const std::string& name, const std::string& path, const OnBytes& on_bytes);
  /// Success means that the archive survives loss of power under its name.
  Status finish();

 private:
  struct Inner;
  explicit ArchiveWriter(std::unique_ptr<Inner> inner);
  Status begin_member(const std::string& name, std::uint64_t size);
  Status write(std::string_view bytes);

  std::unique_ptr<Inner> inner_;
};

/// What an archive from outside may come to.
struct ArchiveBudget {
  std::size_t members = 8;
  /// Of all members together.
  std::uint64_t bytes = std::uint64_t{64} << 30;
  /// Unpacked bytes for each packed one, beyond `free_bytes`: rows of text come to 5 to 20.
  std::uint64_t ratio = 100;
  std::uint64_t free_bytes = 64U << 20;
};

struct ArchiveMember {
  std::string name;
  std::uint64_t size = 0;
};

/// Reads what an ArchiveWriter wrote, and trusts none of it: members are plain files with plain
/// names, each at most once, within the budget. Nothing here writes to the disk.
///
/// ERRORS of all calls: kCorrupt for what is no such archive, is cut off or breaks a rule;
/// kResourceExhausted over the budget.
class ArchiveReader {
 public:
  /// ERRORS: also kNotFound, kPermissionDenied.
  static Result<std::unique_ptr<ArchiveReader>> open(const std::string& path,
                                                     const ArchiveBudget& budget = {});
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next member, to be read by `read`; nullopt at the end, which must be a whole one.
  Result<std::optional<ArchiveMember>> next();
  /// Passes the present member on in pieces; an error of `sink` ends it.
  Status read(const std::function<Status(std::string_view piece)>& sink);

 private:
  struct Inner;
  explicit ArchiveReader(std::unique_ptr<Inner> inner);

  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl::runtime
