// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/written_files.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/crypto.h"

namespace voicectl {
namespace {

/// As the largest file that is written.
constexpr std::size_t kMostBytes = 16U << 20;
constexpr std::size_t kDigits = 12;

/// A path as one part of a name; ours hold no such sign.
std::string flat(std::string_view path) {
  std::string out(path.substr(path.find_first_not_of('/')));
  std::replace(out.begin(), out.end(), '/', '+');
  return out;
}

}  // namespace

std::string WrittenFiles::digest_of(const std::string& path) const {
  const auto found = digests_.find(path);
  return found == digests_.end() ? std::string() : found->second;
}

void WrittenFiles::note(const std::string& path, std::string_view text) {
  std::string digest = sha256_hex(text);
  std::string& known = digests_[path];
  ++version_;
  if (known != digest) {
    known = std::move(digest);
    news_.insert(path);
  }
}

Status WrittenFiles::forget(const std::string& prefix) {
  ++version_;
  for (auto found = digests_.lower_bound(prefix);
       found != digests_.end() && found->first.starts_with(prefix);) {
    news_.insert(found->first);
    found = digests_.erase(found);
  }
  VC_TRY(const std::vector<std::string> copies, files_.list(folder_));
  for (const std::string& copy : copies) {
    if (copy.find("-" + flat(prefix)) != std::string::npos) {
      VC_TRY(files_.remove(folder_ + "/" + copy));
    }
  }
  return ok_status();
}

Result<std::string> WrittenFiles::copy_path(const std::string& path, const std::string& digest) {
  VC_TRY(files_.make_directory(folder_, kPrivateDirectory));
  // Their order is that of their times.
  return fmt::format("{}/{}-{}-{}", folder_, wall_.now().time_since_epoch().count(),
                     digest.substr(0, kDigits), flat(path));
}

Result<std::optional<std::string>> WrittenFiles::read_or_set_aside(const std::string& path) {
  Result<std::optional<std::string>> there = files_.read(path, kMostBytes);
  const bool is_no_text =
      there.has_error() && (there.error().code() == ErrorCode::kCorrupt ||
                            there.error().code() == ErrorCode::kResourceExhausted);
  if (!is_no_text) {
    return there;
  }
  // Where descriptors are short, nothing can be moved either.
  VC_TRY(set_aside(path));
  return std::optional<std::string>();
}

Status WrittenFiles::keep_before(const std::string& path,
                                 std::string_view text,
                                 const IsOurs& is_ours) {
  VC_TRY(const std::optional<std::string> there, read_or_set_aside(path));
  if (!there || *there == text) {
    return ok_status();
  }
  const std::string digest = sha256_hex(*there);
  return digest == digest_of(path) || (is_ours && is_ours(*there)) ? ok_status()
                                                                   : keep(path, *there, digest);
}

Status WrittenFiles::keep_unless(const std::string& path, const std::vector<std::string>& digests) {
  VC_TRY(const std::optional<std::string> there, read_or_set_aside(path));
  const std::string digest = there ? sha256_hex(*there) : "";
  const bool is_known = std::find(digests.begin(), digests.end(), digest) != digests.end();
  return !there || is_known ? ok_status() : keep(path, *there, digest);
}

Status WrittenFiles::keep(const std::string& path,
                          const std::string& text,
                          const std::string& digest) {
  VC_TRY(const std::vector<std::string> copies, files_.list(folder_));
  const std::string ending = "-" + digest.substr(0, kDigits) + "-" + flat(path);
  if (std::any_of(copies.begin(), copies.end(),
                  [&](const std::string& copy) { return copy.ends_with(ending); })) {
    return ok_status();  // an earlier try has kept it
  }
  VC_TRY(const std::string copy, copy_path(path, digest));
  VC_TRY(files_.replace_atomically(copy, text, kPrivateFile));
  if (on_kept_) {
    on_kept_(path, copy);
  }
  return prune();
}

Status WrittenFiles::set_aside(const std::string& path) {
  // Nothing is moved from one file system to another: the folder of sockets may be its own.
  const std::string home = folder_.substr(0, folder_.rfind('/') + 1);
  std::string copy = fmt::format("{}.{}.aside", path, wall_.now().time_since_epoch().count());
  if (path.starts_with(home)) {
    VC_TRY(copy, copy_path(path, "aside"));
  }
  VC_TRY(files_.move(path, copy));
  if (on_kept_) {
    on_kept_(path, copy);
  }
  return prune();
}

std::string WrittenFiles::owner_of(std::string_view copy) const {
  const std::string home = flat(folder_.substr(0, folder_.rfind('/') + 1)) + "tenants+";
  const std::size_t found = copy.find("-" + home);
  if (found == std::string_view::npos) {
    return "";
  }
  const std::string_view rest = copy.substr(found + 1 + home.size());
  return std::string(rest.substr(0, rest.find('+')));
}

Status WrittenFiles::prune() {
  VC_TRY(const std::vector<std::string> copies, files_.list(folder_));
  std::map<std::string, std::size_t> counts;
  for (std::size_t i = copies.size(); i-- > 0;) {
    const std::string owner = owner_of(copies[i]);
    if (++counts[owner] > (owner.empty() ? kKeptCopies : kKeptCopiesOfTenant)) {
      VC_TRY(files_.remove(folder_ + "/" + copies[i]));
    }
  }
  return ok_status();
}

void WrittenFiles::take_into(RecordedChange& change) {
  for (const std::string& path : news_) {
    change.put_written[path] = digest_of(path);
  }
  news_.clear();
}

}  // namespace voicectl
