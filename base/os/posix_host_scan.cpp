// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_host_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <limits>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/os/posix_error.h"
#include "base/os/socket_diagnosis.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// Longest arguments of a process that are read: what we started has fewer.
constexpr std::size_t kMostArguments = 4096;
constexpr std::string_view kDeleted = " (deleted)";

FileKind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileKind::kFile;
    case S_IFDIR:
      return FileKind::kFolder;
    case S_IFLNK:
      return FileKind::kLink;
    case S_IFSOCK:
      return FileKind::kSocket;
    default:
      return FileKind::kOther;
  }
}

/// As sock_diag(7) says it: major and minor in the kernel's own places.
std::uint64_t device_number(dev_t device) {
  return (static_cast<std::uint64_t>(major(device)) << 20U) | minor(device);
}

std::int64_t changed_ns(const struct stat& about) {
  return (std::chrono::seconds(about.st_ctim.tv_sec) +
          std::chrono::nanoseconds(about.st_ctim.tv_nsec))
      .count();
}

FileFacts facts_of(const struct stat& about) {
  FileFacts out;
  out.kind = kind_of(about.st_mode);
  out.mode = about.st_mode & 07777U;
  out.uid = about.st_uid;
  out.gid = about.st_gid;
  out.size = static_cast<std::uint64_t>(about.st_size);
  out.identity = {device_number(about.st_dev), about.st_ino};
  out.changed_ns = changed_ns(about);
  out.changed_at = WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::nanoseconds(out.changed_ns)));
  out.names = about.st_nlink;
  return out;
}

std::string read_link(int folder, const char* path) {
  std::array<char, 4096> bytes{};
  const ssize_t count = ::readlinkat(folder, path, bytes.data(), bytes.size());
  return count <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(count));
}

std::string read_small(const std::string& path, std::size_t most) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string bytes(most, '\0');
  const ssize_t count = file.is_open() ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
  bytes.resize(count <= 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

/// Calls `on_name` with each name in a folder, until it returns false.
template <typename OnName>
bool for_each_name(const std::string& folder, OnName on_name) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
  if (stream == nullptr) {
    return false;
  }
  while (const dirent* const entry = ::readdir(stream.get())) {
    if (!on_name(std::string_view(entry->d_name))) {
      break;
    }
  }
  return true;
}

/// Field `wanted` of /proc/<pid>/stat; the name in field 2 may hold anything.
std::optional<std::uint64_t> stat_field(std::string_view text, int wanted) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= text.size()) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(name_end + 2);
  for (int field = 3; field < wanted; ++field) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) {
      return std::nullopt;
    }
    rest.remove_prefix(blank + 1);
  }
  return number_in<std::uint64_t>(rest.substr(0, rest.find(' ')));
}

/// When process `pid` started; absent if it is gone.
Result<std::optional<std::uint64_t>> start_of(int pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> bytes{};
  const ssize_t count = file.is_open() ? ::read(file.get(), bytes.data(), bytes.size()) : -1;
  if (count < 0 && errno != ENOENT && errno != ESRCH) {
    return posix_error(fmt::format("look at process {}", pid), errno);
  }
  return stat_field(
      std::string_view(bytes.data(), count < 0 ? 0U : static_cast<std::size_t>(count)), 22);
}

std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    out.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

/// Below this many files to look at, another thread costs more than it saves.
constexpr std::size_t kFilesPerThread = 1000;
constexpr std::size_t kMostHelpers = 3;

/// Folders two above the files that are looked at, each opened once: what is in them is found by
/// two names instead of by all of its path. For one round of looks: who keeps them would go on
/// looking into a folder that was replaced.
class NearFolders {
 public:
  /// A folder, and from where in `path` on the rest is to be sought in it.
  std::pair<int, std::size_t> of(const std::string& path) {
    const std::string_view all(path);
    const std::size_t last = all.rfind('/');
    const std::size_t before = last == std::string_view::npos || last == 0
                                   ? std::string_view::npos
                                   : all.rfind('/', last - 1);
    if (before == std::string_view::npos || before == 0) {
      return {AT_FDCWD, 0};
    }
    const std::string_view name = all.substr(0, before);
    for (const Folder& folder : folders_) {
      if (folder.name == name) {
        return found(folder, before);
      }
    }
    if (folders_.size() == kMost) {
      return {AT_FDCWD, 0};
    }
    folders_.push_back(
        {name, UniqueFd(::open(std::string(name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))});
    return found(folders_.back(), before);
  }

 private:
  static constexpr std::size_t kMost = 16;
  struct Folder {
    std::string_view name;
    UniqueFd file;
  };
  static std::pair<int, std::size_t> found(const Folder& folder, std::size_t before) {
    return folder.file.is_open() ? std::pair(folder.file.get(), before + 1)
                                 : std::pair(AT_FDCWD, std::size_t{0});
  }
  std::vector<Folder> folders_;
};

/// Whoever has time takes the next files: the helpers from the beginning, its owner in the end.
class PosixGlance final : public HostScan::Glance {
 public:
  explicit PosixGlance(std::vector<HostScan::Seen> seen) : seen_(std::move(seen)) {
    const std::size_t others = std::max(1U, std::thread::hardware_concurrency()) - 1;
    const std::size_t wanted = std::min({seen_.size() / kFilesPerThread, others, kMostHelpers});
    found_.resize(wanted + 1);
    for (std::size_t helper = 1; helper <= wanted; ++helper) {
      try {
        helpers_.emplace_back([this, helper] { look(found_[helper]); });
      } catch (const std::system_error&) {
        return;  // no thread is to be had: the owner looks at what is left
      }
    }
  }
  ~PosixGlance() override { end(); }

  std::vector<std::size_t> touched() override {
    look(found_[0]);
    end();
    std::vector<std::size_t> out;
    for (const std::vector<std::size_t>& part : found_) {
      out.insert(out.end(), part.begin(), part.end());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  static constexpr std::size_t kAtOnce = 64;

  void end() {
    next_ = seen_.size();
    for (std::thread& helper : helpers_) {
      helper.join();
    }
    helpers_.clear();
  }

  void look(std::vector<std::size_t>& out) {
    NearFolders folders;
    for (std::size_t from = next_.fetch_add(kAtOnce); from < seen_.size();
         from = next_.fetch_add(kAtOnce)) {
      const std::size_t to = std::min(from + kAtOnce, seen_.size());
      for (std::size_t index = from; index < to; ++index) {
        if (is_touched(seen_[index], folders)) {
          out.push_back(index);
        }
      }
    }
  }

  static bool is_touched(const HostScan::Seen& seen, NearFolders& folders) {
    const auto [folder, rest] = folders.of(*seen.path);
    struct stat about {};
    if (::fstatat(folder, seen.path->c_str() + rest, &about, AT_SYMLINK_NOFOLLOW) == 0) {
      return seen.stamp !=
             FileStamp{true, {device_number(about.st_dev), about.st_ino}, changed_ns(about)};
    }
    return (errno != ENOENT && errno != ENOTDIR) || seen.stamp.exists;
  }

  const std::vector<HostScan::Seen> seen_;
  std::atomic<std::size_t> next_ = 0;
  /// By thread, the owner's first.
  std::vector<std::vector<std::size_t>> found_;
  std::vector<std::thread> helpers_;
};

/// When the machine started, in calendar time.
WallTime boot_time() {
  timespec wall{};
  timespec since{};
  (void)::clock_gettime(CLOCK_REALTIME, &wall);
  (void)::clock_gettime(CLOCK_BOOTTIME, &since);
  return WallTime(std::chrono::milliseconds((wall.tv_sec - since.tv_sec) * 1000 +
                                            (wall.tv_nsec - since.tv_nsec) / 1'000'000));
}

std::optional<ProcessFacts> look_at_process(int pid, WallTime booted, std::int64_t ticks) {
  const std::string folder = fmt::format("/proc/{}", pid);
  struct stat about {};
  const std::string stat_line = read_small(folder + "/stat", 4096);
  const std::optional<std::uint64_t> start = stat_field(stat_line, 22);
  if (!start || ::stat(folder.c_str(), &about) != 0) {
    return std::nullopt;
  }
  ProcessFacts out;
  out.pid = pid;
  out.parent = static_cast<int>(stat_field(stat_line, 4).value_or(0));
  out.start_ticks = *start;
  out.uid = about.st_uid;
  out.arguments = split_arguments(read_small(folder + "/cmdline", kMostArguments));
  out.program = read_link(AT_FDCWD, (folder + "/exe").c_str());
  if (out.program.ends_with(kDeleted)) {
    out.program.resize(out.program.size() - kDeleted.size());
  }
  out.began = booted + std::chrono::milliseconds(static_cast<std::int64_t>(*start) * 1000 / ticks);
  return out;
}

}  // namespace

Result<std::optional<FileFacts>> PosixHostScan::look(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return std::optional<FileFacts>();
    }
    return posix_error(fmt::format("look at '{}'", path), errno);
  }
  FileFacts out = facts_of(about);
  if (out.kind == FileKind::kLink) {
    out.target = read_link(AT_FDCWD, path.c_str());
  }
  return std::optional(std::move(out));
}

std::unique_ptr<HostScan::Glance> PosixHostScan::glance(std::vector<Seen> seen) {
  return std::make_unique<PosixGlance>(std::move(seen));
}

std::vector<ProcessFacts> PosixHostScan::processes() {
  std::vector<ProcessFacts> out;
  const WallTime booted = boot_time();
  const std::int64_t ticks = ::sysconf(_SC_CLK_TCK);
  for_each_name("/proc", [&](std::string_view name) {
    const std::optional<int> pid = number_in<int>(name);
    std::optional<ProcessFacts> one =
        pid ? look_at_process(*pid, booted, ticks) : std::optional<ProcessFacts>();
    if (one && !one->arguments.empty()) {  // kernel threads and zombies have none
      out.push_back(std::move(*one));
    }
    return true;
  });
  return out;
}

std::vector<ListenerFacts> PosixHostScan::listeners() {
  return ask_for_listeners();
}

std::optional<std::uint64_t> PosixHostScan::socket_inode(int descriptor) {
  struct stat about {};
  const bool is_socket = ::fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode);
  return is_socket ? std::optional<std::uint64_t>(about.st_ino) : std::nullopt;
}

std::vector<std::optional<FileIdentity>> PosixHostScan::bound_files(
    const std::vector<int>& descriptors) {
  std::vector<std::optional<FileIdentity>> out;
  out.reserve(descriptors.size());
  if (descriptors.size() == 1) {
    const std::optional<std::uint64_t> inode = socket_inode(descriptors.front());
    out.push_back(inode ? ask_for_bound_file(*inode) : std::nullopt);
    return out;
  }
  const std::unordered_map<std::uint64_t, FileIdentity> bound =
      descriptors.empty() ? std::unordered_map<std::uint64_t, FileIdentity>()
                          : ask_for_bound_files();
  for (const int descriptor : descriptors) {
    const std::optional<std::uint64_t> inode = socket_inode(descriptor);
    const auto found = inode ? bound.find(*inode) : bound.end();
    out.push_back(found == bound.end() ? std::nullopt : std::optional(found->second));
  }
  return out;
}

std::optional<std::set<std::uint64_t>> PosixHostScan::sockets(int pid) {
  constexpr std::string_view kBefore = "socket:[";
  const std::string folder = fmt::format("/proc/{}/fd/", pid);
  std::set<std::uint64_t> out;
  const bool was_seen = for_each_name(folder, [&](std::string_view name) {
    const std::string link = name.front() == '.'
                                 ? std::string()
                                 : read_link(AT_FDCWD, (folder + std::string(name)).c_str());
    if (link.starts_with(kBefore)) {
      const auto inode = number_in<std::uint64_t>(
          std::string_view(link).substr(kBefore.size(), link.size() - kBefore.size() - 1));
      out.insert(inode.value_or(0));
    }
    return true;
  });
  return was_seen ? std::optional(std::move(out)) : std::nullopt;
}

Status PosixHostScan::set_access(const std::string& path,
                                 const FileFacts& seen,
                                 FileMode mode,
                                 std::optional<UserIds> owner) {
  // By what is open, not by name: whoever may write in the folder could change what has it.
  const UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat about {};
  if (!file.is_open() || ::fstat(file.get(), &about) != 0) {
    return posix_error(fmt::format("look at '{}'", path), errno);
  }
  const FileFacts now = facts_of(about);
  if (now.identity != seen.identity || now.kind == FileKind::kLink) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot set the mode of '{}': it is another file by now", path));
  }
  if (now.kind == FileKind::kFile && now.names != 1) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot set the mode of '{}': it has {} names, and the others may be "
                             "in folders of somebody else's; remove them",
                             path, now.names));
  }
  const bool is_owned = !owner || (owner->uid == now.uid && owner->gid == now.gid);
  if (!is_owned && ::fchownat(file.get(), "", owner->uid, owner->gid, AT_EMPTY_PATH) != 0) {
    return posix_error(fmt::format("change the owner of '{}'", path), errno);
  }
  // fchmod() takes no descriptor of this kind; this names the same file.
  const std::string number = fmt::format("/proc/self/fd/{}", file.get());
  if (::chmod(number.c_str(), static_cast<mode_t>(mode)) != 0) {
    return posix_error(fmt::format("set the mode of '{}'", path), errno);
  }
  return ok_status();
}

Status PosixHostScan::signal_process(int pid, std::uint64_t start_ticks, int signal_number) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  const int why_not_held = errno;
  // What the number belongs to is looked at after it is held: from then on it cannot change.
  VC_TRY(const std::optional<std::uint64_t> now, start_of(pid));
  if (now != start_ticks || (!process.is_open() && why_not_held == ESRCH)) {
    return ok_status();
  }
  if (!process.is_open()) {
    return posix_error(fmt::format("hold process {}", pid), why_not_held);
  }
  const bool is_sent =
      ::syscall(SYS_pidfd_send_signal, process.get(), signal_number, nullptr, 0U) == 0;
  return is_sent || errno == ESRCH ? ok_status()
                                   : Status(posix_error(fmt::format("end process {}", pid), errno));
}

}  // namespace voicectl
