// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/database_files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl::runtime {
namespace {

/// Stands beside a database from its making on: without it, a file that somebody removed would be
/// taken for one that never was.
constexpr std::string_view kMade = ".made";

// https://www.sqlite.org/walformat.html
constexpr std::size_t kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::uint32_t kLogMagic = 0x377f0682;
constexpr std::size_t kIndexHeader = 48;
/// Looks at files that somebody may be writing to: a last holder that has not noticed yet.
constexpr int kMostLooks = 3;

using FileBytes = std::vector<unsigned char>;

Error damaged(const std::string& path, std::string_view what) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot use the session store '{}': {}; nothing was changed: keep the files, "
                      "delete the tenant, and restore it with 'voicectl tenant import'",
                      path, what)};
}

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t{at[0]} << 24U | std::uint32_t{at[1]} << 16U | std::uint32_t{at[2]} << 8U |
         at[3];
}

std::uint32_t native(const unsigned char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

/// nullopt if there is no such file.
std::optional<UniqueFd> open_to_read(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return file.is_open() ? std::optional(std::move(file)) : std::nullopt;
}

FileBytes read_at(const UniqueFd& file, std::uint64_t offset, std::size_t length) {
  FileBytes bytes(length);
  std::size_t have = 0;
  while (have < length) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + have, length - have, static_cast<off_t>(offset + have));
    if (got <= 0) {
      break;
    }
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

/// The running checksum of a log.
struct LogSum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void add(const unsigned char* bytes, std::size_t length, bool is_big_endian) {
    for (std::size_t i = 0; i + 8 <= length; i += 8) {
      const auto word = [&](std::size_t at) {
        return is_big_endian ? big_endian(bytes + at) : __builtin_bswap32(big_endian(bytes + at));
      };
      first += word(i) + second;
      second += word(i + 4) + first;
    }
  }
  bool is(const unsigned char* stored) const {
    return big_endian(stored) == first && big_endian(stored + 4) == second;
  }
};

struct LogView {
  /// Frames that are whole, up to and with the last commit among them.
  std::uint32_t committed = 0;
  /// Commits of this log behind the first frame that is broken.
  std::uint32_t commits_behind_damage = 0;
  std::array<unsigned char, 8> salt{};
};

/// nullopt if there is no log, or none that was begun.
std::optional<LogView> view_log(const std::string& path) {
  const auto file = open_to_read(path);
  const FileBytes header = file ? read_at(*file, 0, kLogHeader) : FileBytes();
  const std::uint32_t magic = header.size() == kLogHeader ? big_endian(header.data()) : 0;
  if ((magic & ~1U) != kLogMagic) {
    return std::nullopt;
  }
  const bool is_big_endian = (magic & 1U) != 0;
  const std::uint32_t page = big_endian(header.data() + 8);
  LogSum sum;
  sum.add(header.data(), kFrameHeader, is_big_endian);
  if (!sum.is(header.data() + kFrameHeader) || page < 512 || page > 65536) {
    return std::nullopt;
  }
  LogView view;
  std::memcpy(view.salt.data(), header.data() + 16, view.salt.size());
  bool is_broken = false;
  for (std::uint32_t number = 1;; ++number) {
    const FileBytes frame = read_at(
        *file, kLogHeader + std::uint64_t{number - 1} * (kFrameHeader + page), kFrameHeader + page);
    if (frame.size() < kFrameHeader + page) {
      return view;
    }
    const bool is_of_this_log = std::memcmp(frame.data() + 8, view.salt.data(), 8) == 0;
    sum.add(frame.data(), 8, is_big_endian);
    sum.add(frame.data() + kFrameHeader, page, is_big_endian);
    is_broken = is_broken || !is_of_this_log || !sum.is(frame.data() + 16);
    const bool is_commit = is_of_this_log && big_endian(frame.data() + 4) != 0;
    if (is_commit) {
      view.committed = is_broken ? view.committed : number;
      view.commits_behind_damage += is_broken ? 1 : 0;
    }
  }
}

/// Frames of the log that the shared memory says were committed; nullopt if it says nothing, or
/// something of another log.
std::optional<std::uint32_t> promised_frames(const FileBytes& index, const LogView& log) {
  const unsigned char* const header = index.data();
  const bool is_sound = index.size() == 2 * kIndexHeader &&
                        std::memcmp(header, header + kIndexHeader, kIndexHeader) == 0 &&
                        header[12] == 1 && header[13] == 0 &&
                        std::memcmp(header + 32, log.salt.data(), log.salt.size()) == 0;
  LogSum sum;
  if (!is_sound) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < 40; i += 8) {
    sum.first += native(header + i) + sum.second;
    sum.second += native(header + i + 4) + sum.first;
  }
  const bool is_whole = native(header + 40) == sum.first && native(header + 44) == sum.second;
  return is_whole ? std::optional(native(header + 16)) : std::nullopt;
}

FileBytes read_index(const std::string& path) {
  const auto file = open_to_read(path);
  return file ? read_at(*file, 0, 2 * kIndexHeader) : FileBytes();
}

/// What is wrong with a log at one look; nullopt if nothing is.
std::optional<std::string> look_at_log(const std::string& database_path, const FileBytes& index) {
  const auto log = view_log(database_path + "-wal");
  if (!log) {
    return std::nullopt;
  }
  if (log->commits_behind_damage >= 2) {
    return fmt::format("its log is broken behind {} frames, and {} commits follow", log->committed,
                       log->commits_behind_damage);
  }
  const auto promised = promised_frames(index, *log);
  if (promised && *promised > log->committed) {
    return fmt::format("its log has {} frames that are whole, and {} were written", log->committed,
                       *promised);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0
             ? std::optional(static_cast<std::uint64_t>(found.st_size))
             : std::nullopt;
}

Status sync_folder_of(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const UniqueFd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open() || ::fsync(opened.get()) != 0) {
    return posix_error(fmt::format("make durable what is in '{}'", folder), errno);
  }
  return ok_status();
}

Status note_that_it_was_made(const std::string& path) {
  const std::string note = path + std::string(kMade);
  if (size_of(note)) {
    return ok_status();
  }
  const UniqueFd file(::open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    return posix_error(fmt::format("write '{}'", note), errno);
  }
  return sync_folder_of(note);
}

/// Makes an empty database beside the place, and puts it there when it is whole.
Status make_file(const std::string& path) {
  const std::string draft = path + ".new";
  (void)::unlink(draft.c_str());  // what an interrupted making left
  {
    VC_TRY(SqliteDatabase made, SqliteDatabase::open(draft));
    // One table makes it a file with pages; it closes without a log.
    VC_TRY(made.run("CREATE TABLE made (one); DROP TABLE made; PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) {
    return posix_error(fmt::format("make '{}'", path), errno);
  }
  return sync_folder_of(path);
}

Status check_pages(SqliteDatabase& database, const std::string& path) {
  Result<SqliteStatement> check = database.prepare("PRAGMA quick_check(1)");
  const Result<bool> row = check.has_value() ? check->step() : Result<bool>(check.error());
  if (row.has_error()) {
    return row.error().code() == ErrorCode::kCorrupt ? damaged(path, row.error().text())
                                                     : row.error();
  }
  const std::string said = *row ? check->text(0) : "no answer";
  return said == "ok" ? ok_status() : Status(damaged(path, "its pages are unsound: " + said));
}

}  // namespace

Status check_log(const std::string& database_path) {
  for (int look = 0; look < kMostLooks; ++look) {
    const FileBytes before = read_index(database_path + "-shm");
    const std::optional<std::string> problem = look_at_log(database_path, before);
    if (!problem) {
      return ok_status();
    }
    // Somebody who writes meanwhile makes a log look broken that is not, and leaves a mark there.
    if (read_index(database_path + "-shm") == before && look > 0) {
      return damaged(database_path, *problem);
    }
  }
  return ok_status();
}

Status check_file(const std::string& path) {
  const auto size = size_of(path);
  if (!size) {
    return size_of(path + std::string(kMade))
               ? Status(damaged(path, "the file is gone"))
               : Status(Error(ErrorCode::kNotFound, fmt::format("cannot find '{}'", path)));
  }
  // SQLite would take an empty file for a new database.
  return *size == 0 ? Status(damaged(path, "the file is empty")) : check_log(path);
}

Result<SqliteDatabase> open_tenant_file(const std::string& path) {
  if (!size_of(path) && !size_of(path + std::string(kMade))) {
    VC_TRY(make_file(path));
  }
  VC_TRY(check_file(path));
  Result<SqliteDatabase> opened = SqliteDatabase::open(path);
  if (opened.has_error()) {
    return opened.error().code() == ErrorCode::kCorrupt ? damaged(path, opened.error().text())
                                                        : opened.error();
  }
  if (size_of(path).value_or(0) <= kCheckedAtOpening) {
    VC_TRY(check_pages(*opened, path));
  }
  (void)note_that_it_was_made(path);  // on a full disk: the next opening does it
  return opened;
}

}  // namespace voicectl::runtime
