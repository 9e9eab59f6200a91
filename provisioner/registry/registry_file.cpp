// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/registry_file.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/os/posix_file_system.h"
#include "provisioner/registry/registry_schema.h"

namespace voicectl {
namespace {

Result<std::optional<std::int64_t>> size_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    return std::optional<std::int64_t>(found.st_size);
  }
  if (errno == ENOENT) {
    return std::optional<std::int64_t>();
  }
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("cannot look at '{}': {}", path, std::strerror(errno)));
}

/// The file is made beside its place and moved there when it is whole: so an empty file at the
/// place itself is always damage, never a creation that was cut short.
Status create(const std::string& path) {
  PosixFileSystem files;
  const std::string draft = path + ".new";
  for (const char* const suffix : {"", "-wal", "-shm", "-journal"}) {
    VC_TRY(files.remove(draft + suffix));
  }
  {
    VC_TRY(SqliteDatabase database, SqliteDatabase::open(draft));
    VC_TRY(database.migrate(registry_migrations()));
  }
  return files.move(draft, path);
}

Status check_file(const std::string& path, std::int64_t size) {
  if (size == 0) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot open registry '{}': the file is empty; restore it from a "
                             "backup, or remove it to begin anew",
                             path));
  }
  return ok_status();
}

Status check_for_lost_file(const std::string& path) {
  VC_TRY(const std::optional<std::int64_t> log, size_of(path + "-wal"));
  if (!log) {
    return ok_status();
  }
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot open registry '{}': the file is gone and its log '{}-wal' is "
                           "not; restore both, or remove the log to begin anew",
                           path, path));
}

}  // namespace

Status make_registry_file(const std::string& path) {
  VC_TRY(const std::optional<std::int64_t> size, size_of(path));
  if (size) {
    return check_file(path, *size);
  }
  VC_TRY(check_for_lost_file(path));
  return create(path);
}

Status check_registry_pages(SqliteDatabase& database, const std::string& path) {
  VC_TRY(SqliteStatement row, database.prepare("PRAGMA quick_check(1)"));
  VC_TRY(const bool has_row, row.step());
  if (has_row && row.text(0) == "ok") {
    return ok_status();
  }
  return Error(
      ErrorCode::kCorrupt,
      fmt::format("cannot open registry '{}': it is damaged ({}); restore it from a backup", path,
                  has_row ? row.text(0) : "no answer"));
}

}  // namespace voicectl
