// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/certificate_store.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/crypto.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostPemBytes = 256U << 10;
constexpr std::size_t kMostKnown = 16384;
constexpr FileMode kGroupFile{0640};
constexpr std::string_view kEnding = ".pem";
constexpr std::string_view kWildcardFile = "_wildcard.";

/// The name that a file holds the certificate for; nullopt for a file that is not ours.
std::optional<std::string> name_of_file(std::string_view file) {
  if (!file.ends_with(kEnding)) {
    return std::nullopt;
  }
  file.remove_suffix(kEnding.size());
  std::string name(file);
  if (file.starts_with(kWildcardFile)) {
    name = "*." + std::string(file.substr(kWildcardFile.size()));
  }
  return check_certificate_name(name).has_value() ? std::optional(name) : std::nullopt;
}

}  // namespace

CertificateStore::CertificateStore(FileSystem& files, CertificateFolders folders)
    : files_(files), folders_(std::move(folders)) {}

Status CertificateStore::put(const Certificate& certificate) {
  VC_TRY(const std::string file, certificate_file_name(certificate.name));
  VC_TRY(certificate_not_after(certificate.pem.reveal()));
  VC_TRY(files_.make_directory(folders_.kept, kPrivateDirectory));
  VC_TRY(files_.replace_atomically(folders_.kept + "/" + file, certificate.pem.reveal(),
                                   kPrivateFile));
  return publish(file, certificate.pem.reveal());
}

Status CertificateStore::publish(const std::string& file_name, const std::string& pem) {
  VC_TRY(files_.make_directory(folders_.served, kSharedDirectory));
  const std::string served = folders_.served + "/" + file_name;
  // Whoever reads it must be allowed to from the moment it has its name: a handshake in between
  // would fail.
  return folders_.owner ? files_.replace_owned(served, pem, kGroupFile, *folders_.owner)
                        : files_.replace_atomically(served, pem, kPrivateFile);
}

Result<std::vector<RecordedCertificate>> CertificateStore::list() {
  VC_TRY(const std::vector<std::string> files, files_.list(folders_.kept));
  std::vector<RecordedCertificate> out;
  for (const std::string& file : files) {
    const std::optional<std::string> name = name_of_file(file);
    if (!name) {
      continue;
    }
    VC_TRY(const std::optional<std::string> pem,
           files_.read(folders_.kept + "/" + file, kMostPemBytes));
    const Result<WallTime> not_after = not_after_of(pem.value_or(""));
    if (not_after.has_value()) {
      out.push_back({*name, *not_after});
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Result<WallTime> CertificateStore::not_after_of(const std::string& pem) {
  const std::string digest = sha256_hex(pem);
  const std::lock_guard guard(mutex_);
  if (const auto known = known_.find(digest); known != known_.end()) {
    return known->second;
  }
  VC_TRY(const WallTime not_after, certificate_not_after(pem));
  if (known_.size() >= kMostKnown) {
    known_.clear();
  }
  known_.emplace(digest, not_after);
  return not_after;
}

Status CertificateStore::publish_all() {
  VC_TRY(const std::vector<std::string> files, files_.list(folders_.kept));
  for (const std::string& file : files) {
    if (!name_of_file(file)) {
      continue;
    }
    VC_TRY(const std::optional<std::string> pem,
           files_.read(folders_.kept + "/" + file, kMostPemBytes));
    if (pem) {
      VC_TRY(publish(file, *pem));
    }
  }
  return ok_status();
}

Status CertificateStore::remove(const std::string& name) {
  VC_TRY(const std::string file, certificate_file_name(name));
  VC_TRY(files_.remove(folders_.served + "/" + file));
  return files_.remove(folders_.kept + "/" + file);
}

}  // namespace voicectl
