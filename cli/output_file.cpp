// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/workspace.h"

namespace voicectl {
namespace {

namespace fs = std::filesystem;

/// As the kernel.
constexpr int kMostLinks = 40;

Error cannot_write(const std::string& name, std::string_view why, ErrorCode code) {
  return Error(code, fmt::format("cannot write '{}': {}", name, why));
}

std::string_view kind_of(const fs::file_status& found) {
  if (fs::is_directory(found)) {
    return "a folder";
  }
  if (fs::is_fifo(found)) {
    return "a pipe";
  }
  if (fs::is_socket(found)) {
    return "a socket";
  }
  return fs::is_block_file(found) ? "a disk" : "no regular file";
}

/// Whoever may write into /tmp could else have root replace any file.
bool is_link_of_a_stranger(const fs::path& link) {
  struct stat of_link {};
  struct stat of_folder {};
  if (::lstat(link.c_str(), &of_link) != 0 || ::stat(link.parent_path().c_str(), &of_folder) != 0) {
    return false;
  }
  constexpr mode_t kOfAll = S_ISVTX | S_IWOTH;
  return (of_folder.st_mode & kOfAll) == kOfAll && of_link.st_uid != ::geteuid() &&
         of_link.st_uid != of_folder.st_uid;
}

/// The path without links in its last part.
Result<std::string> follow_links(const std::string& absolute, const std::string& name) {
  fs::path path = absolute;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code problem;
    if (!fs::is_symlink(fs::symlink_status(path, problem))) {
      return path.string();
    }
    if (is_link_of_a_stranger(path)) {
      return cannot_write(name, "it is a link that somebody else has made",
                          ErrorCode::kPermissionDenied);
    }
    const fs::path folder = fs::canonical(path.parent_path(), problem);
    const fs::path target = fs::read_symlink(path, problem);
    if (problem) {
      return cannot_write(name, problem.message(), ErrorCode::kPermissionDenied);
    }
    path = folder / target;
  }
  return cannot_write(name, "too many links lead on from it", ErrorCode::kInvalidArgument);
}

Status write_through(const OutputPlace& place, const std::string& name, std::string_view content) {
  errno = 0;
  std::ofstream file(place.path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  return file ? ok_status()
              : Status(cannot_write(name, errno == 0 ? "it fails" : std::strerror(errno),
                                    ErrorCode::kResourceExhausted));
}

}  // namespace

Result<OutputPlace> find_output_place(const CommandContext& context, const std::string& name) {
  const std::string path = absolute_path(context.surroundings.working_directory, name);
  std::error_code problem;
  const fs::file_status found = fs::status(path, problem);
  if (fs::is_character_file(found)) {
    return OutputPlace{path, true};
  }
  // Where it is not permitted to look, to write tells why.
  if (fs::status_known(found) && fs::exists(found) && !fs::is_regular_file(found)) {
    return cannot_write(name, fmt::format("it is {}; name a file", kind_of(found)),
                        ErrorCode::kInvalidArgument);
  }
  VC_TRY(std::string real, follow_links(path, name));
  return OutputPlace{std::move(real)};
}

Result<OutputPlace> write_output_file(CommandContext& context,
                                      const std::string& name,
                                      std::string_view content,
                                      FileMode mode) {
  VC_TRY(OutputPlace place, find_output_place(context, name));
  if (place.is_device) {
    VC_TRY(write_through(place, name, content));
  } else {
    VC_TRY(context.files.replace_atomically(place.path, content, mode));
  }
  return place;
}

}  // namespace voicectl
