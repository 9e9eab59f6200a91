// SPDX-License-Identifier: Apache-2.0
#include "runtime/archive/archive_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr int kOwnerOnly = 0600;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

Error cannot_write(archive* of) {
  const int number = archive_errno(of);
  return {number > 0 ? code_of_errno(number) : ErrorCode::kInternal,
          fmt::format("cannot write the archive: {}", archive_error_string(of))};
}

Error bad(std::string_view what) {
  return {ErrorCode::kCorrupt, fmt::format("cannot use the archive: {}", what)};
}

/// Names of ours are short, of one part, and of few characters: nothing in them can lead elsewhere.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string_view::npos;
}

std::string shown(const char* name) {
  std::string text(name == nullptr ? "" : name);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return text.substr(0, 80);
}

}  // namespace

struct ArchiveWriter::Inner {
  UniqueFd file;
  archive* out = archive_write_new();
  std::string folder;
  ~Inner() { archive_write_free(out); }
};

ArchiveWriter::ArchiveWriter(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

ArchiveWriter::~ArchiveWriter() = default;

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::create(const std::string& path) {
  (void)::unlink(path.c_str());  // the next line tells if something is still there
  auto inner = std::make_unique<Inner>();
  inner->file = UniqueFd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!inner->file.is_open()) {
    return posix_error(fmt::format("write the archive '{}'", path), errno);
  }
  inner->folder = path.substr(0, path.rfind('/') + 1);
  const bool is_begun = archive_write_add_filter_zstd(inner->out) == ARCHIVE_OK &&
                        archive_write_set_format_pax_restricted(inner->out) == ARCHIVE_OK &&
                        archive_write_open_fd(inner->out, inner->file.get()) == ARCHIVE_OK;
  if (!is_begun) {
    return cannot_write(inner->out);
  }
  return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(std::move(inner)));
}

Status ArchiveWriter::begin_member(const std::string& name, std::uint64_t size) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kOwnerOnly);
  return archive_write_header(inner_->out, entry.get()) == ARCHIVE_OK
             ? ok_status()
             : Status(cannot_write(inner_->out));
}

Status ArchiveWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const la_ssize_t taken = archive_write_data(inner_->out, bytes.data(), bytes.size());
    if (taken <= 0) {
      return cannot_write(inner_->out);
    }
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return ok_status();
}

Status ArchiveWriter::add(const std::string& name, std::string_view content) {
  VC_TRY(begin_member(name, content.size()));
  return write(content);
}

Status ArchiveWriter::add_file(const std::string& name,
                               const std::string& path,
                               const OnBytes& on_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat found {};
  if (!file.is_open() || ::fstat(file.get(), &found) != 0) {
    return posix_error(fmt::format("read '{}'", path), errno);
  }
  VC_TRY(begin_member(name, static_cast<std::uint64_t>(found.st_size)));
  std::string piece(kPiece, '\0');
  std::uint64_t done = 0;
  while (done < static_cast<std::uint64_t>(found.st_size)) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got <= 0) {
      return posix_error(fmt::format("read '{}'", path), got < 0 ? errno : EIO);
    }
    VC_TRY(write(std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
    done += static_cast<std::uint64_t>(got);
    on_bytes(done);
  }
  return ok_status();
}

Status ArchiveWriter::finish() {
  if (archive_write_close(inner_->out) != ARCHIVE_OK) {
    return cannot_write(inner_->out);
  }
  const UniqueFd folder(::open(inner_->folder.empty() ? "." : inner_->folder.c_str(),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::fsync(inner_->file.get()) != 0 || !folder.is_open() || ::fsync(folder.get()) != 0) {
    return posix_error("make the archive durable", errno);
  }
  return ok_status();
}

struct ArchiveReader::Inner {
  UniqueFd file;
  archive* in = archive_read_new();
  ArchiveBudget budget;
  std::uint64_t most_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
  std::set<std::string> seen;
  ~Inner() { archive_read_free(in); }

  Error broken() const {
    return bad(fmt::format("it is damaged or cut off ({})", shown(archive_error_string(in))));
  }
};

ArchiveReader::ArchiveReader(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

ArchiveReader::~ArchiveReader() = default;

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::string& path,
                                                           const ArchiveBudget& budget) {
  auto inner = std::make_unique<Inner>();
  inner->file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat found {};
  if (!inner->file.is_open() || ::fstat(inner->file.get(), &found) != 0) {
    const int number = errno;
    const Error error = posix_error(fmt::format("read the archive '{}'", path), number);
    return number == ENOENT ? Error(ErrorCode::kNotFound, error.text()) : error;
  }
  if (!S_ISREG(found.st_mode)) {
    return bad(fmt::format("'{}' is not a plain file", path));
  }
  inner->budget = budget;
  inner->most_bytes = std::min(
      budget.bytes, budget.free_bytes + budget.ratio * static_cast<std::uint64_t>(found.st_size));
  // One format and one filter: whatever else the library knows is not asked.
  archive_read_support_format_tar(inner->in);
  archive_read_support_filter_zstd(inner->in);
  if (archive_read_open_fd(inner->in, inner->file.get(), kPiece) != ARCHIVE_OK) {
    return inner->broken();
  }
  return std::unique_ptr<ArchiveReader>(new ArchiveReader(std::move(inner)));
}

Result<std::optional<ArchiveMember>> ArchiveReader::next() {
  archive_entry* entry = nullptr;
  const int outcome = archive_read_next_header(inner_->in, &entry);
  if (outcome == ARCHIVE_EOF) {
    return std::optional<ArchiveMember>();
  }
  if (outcome != ARCHIVE_OK) {
    return inner_->broken();
  }
  const char* const name = archive_entry_pathname(entry);
  if (name == nullptr || !is_plain(name)) {
    return bad(fmt::format("it has a member with the name '{}'", shown(name)));
  }
  if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr ||
      archive_entry_symlink(entry) != nullptr || archive_entry_sparse_count(entry) > 0) {
    return bad(fmt::format("its member '{}' is not a plain file", shown(name)));
  }
  if (!inner_->seen.insert(name).second) {
    return bad(fmt::format("it has two members '{}'", shown(name)));
  }
  const la_int64_t size = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : -1;
  if (size < 0) {
    return bad(fmt::format("its member '{}' has no size", shown(name)));
  }
  inner_->size = static_cast<std::uint64_t>(size);
  if (inner_->seen.size() > inner_->budget.members ||
      inner_->size > inner_->most_bytes - inner_->bytes) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot use the archive: it would unpack to more than {} members or "
                             "{} bytes",
                             inner_->budget.members, inner_->most_bytes));
  }
  inner_->bytes += inner_->size;
  return std::optional(ArchiveMember{name, inner_->size});
}

Status ArchiveReader::read(const std::function<Status(std::string_view piece)>& sink) {
  std::string piece(kPiece, '\0');
  std::uint64_t have = 0;
  while (true) {
    const la_ssize_t got = archive_read_data(inner_->in, piece.data(), piece.size());
    if (got < 0) {
      return inner_->broken();
    }
    if (got == 0) {
      return have == inner_->size ? ok_status() : Status(inner_->broken());
    }
    have += static_cast<std::uint64_t>(got);
    if (have > inner_->size) {
      return bad("a member is longer than it says");
    }
    VC_TRY(sink(std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
  }
}

}  // namespace voicectl::runtime
