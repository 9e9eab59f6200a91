// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// How often a replacement starts again because another one of the same path came in between. Each
/// loses at most to one that wins, so this many are never needed.
constexpr int kReplaceTries = 64;

constexpr std::string_view kNewSuffix = ".new";

/// The folder of a path, open, and the path's last part.
struct Place {
  UniqueFd folder;
  std::string name;
};

/// A system call's answer, repeated while a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) {
  auto answer = call();
  while (answer < 0 && errno == EINTR) {
    answer = call();
  }
  return answer;
}

mode_t bits_of(FileMode mode) {
  return static_cast<mode_t>(mode);
}

std::string doing(std::string_view verb, const std::string& path) {
  return fmt::format("{} '{}'", verb, path);
}

UniqueFd open_in(const UniqueFd& folder, const std::string& name, int flags, mode_t mode = 0) {
  return UniqueFd(uninterrupted(
      [&] { return ::openat(folder.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode); }));
}

Result<Place> locate(const std::string& given) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  const std::size_t slash = path.rfind('/');
  if (path.size() < 2 || path.front() != '/' || path.find('\0') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use '{}' as a path: it must be absolute", given));
  }
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  UniqueFd open_folder(
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!open_folder.is_open()) {
    return posix_error(doing("open folder", folder), errno);
  }
  return Place{std::move(open_folder), path.substr(slash + 1)};
}

Status flush(const UniqueFd& file, const std::string& path) {
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0) {
    return posix_error(doing("flush", path), errno);
  }
  return ok_status();
}

Status write_all(const UniqueFd& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count =
        uninterrupted([&] { return ::write(file.get(), content.data(), content.size()); });
    if (count < 0) {
      return posix_error(doing("write", path), errno);
    }
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return ok_status();
}

std::string temporary_name(const std::string& name) {
  return "." + name + std::string(kNewSuffix);
}

/// What came of one try to replace something.
enum class Try { kDone, kRivalCameBetween };

/// Puts a finished thing in the place of another: `make` gives it the temporary name (0, or -1 and
/// errno), a rename the real one. The temporary name is fixed, so that what a crash leaves there is
/// taken away by the next replacement, and a rival's thing with it: then the rival tries again.
Result<Try> swap_in(const Place& place, const std::string& path, const std::function<int()>& make) {
  const std::string temporary = temporary_name(place.name);
  const int folder = place.folder.get();
  int outcome = make();
  if (outcome != 0 && errno == EEXIST) {
    (void)::unlinkat(folder, temporary.c_str(), 0);  // the next line tells if it is still there
    outcome = make();
  }
  if (outcome == 0) {
    outcome = ::renameat(folder, temporary.c_str(), folder, place.name.c_str());
    if (outcome == 0) {
      VC_TRY(flush(place.folder, path));
      return Try::kDone;
    }
  }
  const int problem = errno;
  if (problem == EEXIST || problem == ENOENT) {
    return Try::kRivalCameBetween;
  }
  (void)::unlinkat(folder, temporary.c_str(), 0);  // the error is the one to tell
  return posix_error(doing("replace", path), problem);
}

Status try_often(const std::string& path, const std::function<Result<Try>()>& replace) {
  for (int tries = 0; tries < kReplaceTries; ++tries) {
    VC_TRY(const Try outcome, replace());
    if (outcome == Try::kDone) {
      return ok_status();
    }
  }
  return Error(ErrorCode::kUnavailable,
               fmt::format("cannot replace '{}': others keep replacing it; try again", path));
}

/// A file without a name, which a crash therefore cannot leave behind.
Result<UniqueFd> open_nameless(const Place& place, const std::string& path) {
  UniqueFd file = UniqueFd(uninterrupted(
      [&] { return ::openat(place.folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600); }));
  if (!file.is_open()) {
    return posix_error(doing("write", path), errno);
  }
  return file;
}

/// What a file becomes.
struct NewFile {
  std::string_view content;
  FileMode mode;
  std::optional<UserIds> owner;  ///< whoever runs this, if none is named
};

Status fill(const UniqueFd& file, const NewFile& wanted, const std::string& path) {
  if (::fchmod(file.get(), bits_of(wanted.mode)) != 0) {
    return posix_error(doing("set the mode of", path), errno);
  }
  if (wanted.owner && ::fchown(file.get(), wanted.owner->uid, wanted.owner->gid) != 0) {
    return posix_error(doing("change the owner of", path), errno);
  }
  VC_TRY(write_all(file, wanted.content, path));
  return flush(file, path);
}

/// For file systems without nameless files: here a crash leaves the temporary file, until the next
/// replacement.
Status replace_by_name(const Place& place, const std::string& path, const NewFile& wanted) {
  const std::string temporary = temporary_name(place.name);
  (void)::unlinkat(place.folder.get(), temporary.c_str(), 0);  // the next line tells if it is there
  const UniqueFd file = open_in(place.folder, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file.is_open()) {
    return posix_error(doing("replace", path), errno);
  }
  Status outcome = fill(file, wanted, path);
  if (outcome.has_value() && ::renameat(place.folder.get(), temporary.c_str(), place.folder.get(),
                                        place.name.c_str()) != 0) {
    outcome = posix_error(doing("replace", path), errno);
  }
  if (outcome.has_error()) {
    (void)::unlinkat(place.folder.get(), temporary.c_str(), 0);  // the error is what counts
    return outcome;
  }
  return flush(place.folder, path);
}

/// Puts a file in the place of another, or where none was.
Status replace_file(const std::string& path, const NewFile& wanted) {
  VC_TRY(const Place place, locate(path));
  return try_often(path, [&]() -> Result<Try> {
    const Result<UniqueFd> file = open_nameless(place, path);
    // A file system that cannot says EOPNOTSUPP, and some EISDIR.
    if (file.has_error() && (file.error().code() == ErrorCode::kInternal ||
                             file.error().code() == ErrorCode::kCorrupt)) {
      VC_TRY(replace_by_name(place, path, wanted));
      return Try::kDone;
    }
    if (file.has_error()) {
      return file.error();
    }
    VC_TRY(fill(*file, wanted, path));
    const std::string number = fmt::format("/proc/self/fd/{}", file->get());
    return swap_in(place, path, [&] {
      return ::linkat(AT_FDCWD, number.c_str(), place.folder.get(),
                      temporary_name(place.name).c_str(), AT_SYMLINK_FOLLOW);
    });
  });
}

/// Whether `place` is a link to `target`.
bool points_at(const Place& place, const std::string& target) {
  std::string found(target.size() + 1, '\0');
  const ssize_t size =
      ::readlinkat(place.folder.get(), place.name.c_str(), found.data(), found.size());
  return size == static_cast<ssize_t>(target.size()) && found.starts_with(target);
}

/// Makes one folder if it is missing, durable in its parent; whether it was.
Result<bool> make_one(const std::string& path, FileMode mode) {
  VC_TRY(const Place place, locate(path));
  if (::mkdirat(place.folder.get(), place.name.c_str(), bits_of(mode)) != 0) {
    if (errno == EEXIST) {
      return false;
    }
    return posix_error(doing("make folder", path), errno);
  }
  // The process's umask took its part of the mode away. By its descriptor, not by its name: whoever
  // owns the folder around it may have put a link there meanwhile, to something that is ours.
  const UniqueFd made = open_in(place.folder, place.name, O_RDONLY | O_DIRECTORY);
  if (!made.is_open() || ::fchmod(made.get(), bits_of(mode)) != 0) {
    return posix_error(doing("set the mode of", path), errno);
  }
  VC_TRY(flush(place.folder, path));
  return true;
}

/// Reads to the end, which is to be expected after `likely` bytes; nullopt if that is more than
/// `max_bytes`.
Result<std::optional<std::string>> read_all(const UniqueFd& file,
                                            std::size_t likely,
                                            std::size_t max_bytes,
                                            const std::string& path) {
  constexpr std::size_t kPiece = 16 * 1024;
  std::string content;
  content.reserve(std::min(likely, max_bytes) + kPiece + 1);
  std::size_t filled = 0;
  while (filled <= max_bytes) {
    const std::size_t more = std::max(kPiece, filled <= likely ? likely - filled : filled);
    // One byte more than allowed is enough to know that it is too long, also while it grows.
    content.resize(filled + std::min(more, max_bytes - filled) + 1);
    const ssize_t count = uninterrupted(
        [&] { return ::read(file.get(), content.data() + filled, content.size() - filled); });
    if (count < 0) {
      return posix_error(doing("read", path), errno);
    }
    if (count == 0) {
      content.resize(filled);
      return std::optional<std::string>(std::move(content));
    }
    filled += static_cast<std::size_t>(count);
  }
  return std::optional<std::string>();
}

/// What may be a FIFO, whose open() would wait: it is refused when it is open.
constexpr int kToRead = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
constexpr int kToWalk = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

/// What was opened with kToRead; else errno says why not.
Result<std::optional<std::string>> read_opened(const UniqueFd& file,
                                               const std::string& path,
                                               std::size_t max_bytes) {
  if (!file.is_open() && (errno == ENOENT || errno == ENOTDIR)) {
    return std::optional<std::string>();
  }
  struct stat about {};
  if (!file.is_open() || ::fstat(file.get(), &about) != 0) {
    return posix_error(doing("read", path), errno);
  }
  if (!S_ISREG(about.st_mode)) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read '{}': it is not a regular file", path));
  }
  VC_TRY(std::optional<std::string> content,
         read_all(file, static_cast<std::size_t>(about.st_size), max_bytes, path));
  if (content) {
    return content;
  }
  return Error(ErrorCode::kResourceExhausted,
               fmt::format("cannot read '{}': it is longer than {} bytes", path, max_bytes));
}

}  // namespace

Result<std::optional<std::string>> PosixFileSystem::read(const std::string& path,
                                                         std::size_t max_bytes) {
  return read_opened(UniqueFd(uninterrupted([&] { return ::open(path.c_str(), kToRead); })), path,
                     max_bytes);
}

Result<std::optional<std::string>> PosixFileSystem::read_without_links(const std::string& path,
                                                                       std::size_t max_bytes) {
  if (!path.starts_with('/')) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use '{}' as a path: it must be absolute", path));
  }
  UniqueFd folder(uninterrupted([] { return ::open("/", kToWalk); }));
  std::string_view rest = path;
  while (folder.is_open()) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    const std::size_t end = rest.find('/');
    const std::string part(rest.substr(0, end));
    if (end == std::string_view::npos) {
      return read_opened(open_in(folder, part, kToRead), path, max_bytes);
    }
    UniqueFd next = open_in(folder, part, kToWalk);
    struct stat about {};
    // A link is no folder either.
    if (!next.is_open() && errno == ENOTDIR &&
        ::fstatat(folder.get(), part.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(about.st_mode)) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot read '{}': a part of the path is a symbolic link", path));
    }
    folder = std::move(next);
    rest.remove_prefix(end);
  }
  return read_opened(UniqueFd(), path, max_bytes);
}

Result<std::string> PosixFileSystem::real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &::free);
  if (real != nullptr) {
    return std::string(real.get());
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot find '{}': nothing is there", path));
  }
  return posix_error(doing("find", path), errno);
}

Status PosixFileSystem::replace_atomically(const std::string& path,
                                           std::string_view content,
                                           FileMode mode) {
  return replace_file(path, {content, mode, std::nullopt});
}

Status PosixFileSystem::replace_owned(const std::string& path,
                                      std::string_view content,
                                      FileMode mode,
                                      UserIds owner) {
  return replace_file(path, {content, mode, owner});
}

Status PosixFileSystem::replace_link(const std::string& path, const std::string& target) {
  VC_TRY(const Place place, locate(path));
  if (points_at(place, target)) {
    return ok_status();
  }
  return try_often(path, [&] {
    return swap_in(place, path, [&] {
      return ::symlinkat(target.c_str(), place.folder.get(), temporary_name(place.name).c_str());
    });
  });
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  UniqueFd folder(uninterrupted(
      [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW); }));
  std::vector<std::string> names;
  if (!folder.is_open() && errno == ENOENT) {
    return names;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(
      folder.is_open() ? ::fdopendir(folder.get()) : nullptr, &::closedir);
  if (stream == nullptr) {
    return posix_error(doing("list", directory), errno);
  }
  (void)folder.release();  // the stream owns it now
  errno = 0;
  while (const dirent* const entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    const bool is_left_over = name.starts_with('.') && name.ends_with(kNewSuffix);
    if (name != "." && name != ".." && !is_left_over) {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    return posix_error(doing("list", directory), errno);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::make_directory(const std::string& path, FileMode mode) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos && end + 1 < path.size();
       end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::access(part.c_str(), F_OK) != 0) {
      VC_TRY(make_one(part, mode));
    }
  }
  VC_TRY(bool is_changed, make_one(path, mode));
  VC_TRY(const Place place, locate(path));
  const UniqueFd folder = open_in(place.folder, place.name, O_RDONLY | O_DIRECTORY);
  struct stat about {};
  if (!folder.is_open() || ::fstat(folder.get(), &about) != 0) {
    return posix_error(doing("make folder", path), errno);
  }
  // Only the owner may set a mode, and one that is right needs no setting.
  if ((about.st_mode & 07777) != bits_of(mode)) {
    if (::fchmod(folder.get(), bits_of(mode)) != 0) {
      return posix_error(doing("set the mode of", path), errno);
    }
    is_changed = true;
  }
  return is_changed ? flush(folder, path) : ok_status();
}

Status PosixFileSystem::remove(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return ok_status();
  }
  VC_TRY(const Place place, locate(path));
  std::error_code problem;
  std::filesystem::remove_all(path, problem);  // removes links, never follows them
  if (problem) {
    return posix_error(doing("remove", path), problem.value());
  }
  return flush(place.folder, path);
}

Status PosixFileSystem::set_owner(const std::string& path, UserIds owner) {
  VC_TRY(const Place place, locate(path));
  struct stat before {};
  if (::fstatat(place.folder.get(), place.name.c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0 &&
      before.st_uid == owner.uid && before.st_gid == owner.gid) {
    return ok_status();
  }
  if (::fchownat(place.folder.get(), place.name.c_str(), owner.uid, owner.gid,
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return posix_error(doing("change the owner of", path), errno);
  }
  // Links, sockets and FIFOs cannot be flushed; what they need is in their folder.
  const UniqueFd file = open_in(place.folder, place.name, O_RDONLY | O_NONBLOCK);
  struct stat about {};
  const bool can_flush = file.is_open() && ::fstat(file.get(), &about) == 0 &&
                         (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
  return flush(can_flush ? file : place.folder, path);
}

Status PosixFileSystem::move(const std::string& from, const std::string& to) {
  VC_TRY(const Place source, locate(from));
  VC_TRY(const Place destination, locate(to));
  if (::renameat(source.folder.get(), source.name.c_str(), destination.folder.get(),
                 destination.name.c_str()) != 0) {
    return posix_error(fmt::format("move '{}' to '{}'", from, to), errno);
  }
  VC_TRY(flush(destination.folder, to));
  return flush(source.folder, from);
}

}  // namespace voicectl
