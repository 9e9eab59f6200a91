// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/os/file_system.h"

namespace voicectl {

/// What nginx writes into its log from some moment on.
class NginxLog {
 public:
  NginxLog(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  /// Later complaints count from here.
  void mark();

  /// The worst complaint since mark(), for people; "" for none, or none that can be read.
  std::string complaint();

 private:
  FileSystem& files_;
  std::string path_;
  std::size_t mark_ = 0;
};

/// The worst complaint in nginx's log lines, without its time and process numbers and cut to a
/// length that people read; "" for none.
std::string worst_complaint(const std::string& log_text);

}  // namespace voicectl
