// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/os/reactor.h"
#include "provisioner/certs/certificates.h"

namespace voicectl {

struct DevAuthorityOptions {
  /// Key and certificate of the authority, 0600.
  std::string authority_file;
  /// Its certificate alone, for browsers and curl --cacert, 0644.
  std::string root_file;
  /// Names that the authority may speak for, with all below them. Whoever trusts the root on a
  /// developer's machine trusts it for these and nothing else. Empty: no bound.
  std::vector<std::string> permitted_names;
  std::chrono::days root_life{3650};
  std::chrono::days leaf_life{90};
};

/// A certificate authority for machines that no public one can see: P-256, made once, kept in a
/// file. Its certificates are real, but only who trusts the root file believes them.
///
/// THREADS: loop thread only; keys are made on the offload.
class DevAuthority final : public CertificateSource {
 public:
  /// REQUIRES: all outlive it and the work it has begun.
  DevAuthority(FileSystem& files,
               Offload& offload,
               const WallClock& clock,
               DevAuthorityOptions options);
  ~DevAuthority() override;

  /// Makes the authority at its first use, or anew when the one on disk has ended.
  /// ERRORS: kInvalidArgument; kPermissionDenied for a name that the authority on disk may not
  /// speak for; kCorrupt if its file does not hold one.
  void issue(CertificateRequest request, Completion<Certificate> done) override;
  OrderLimit limit() const override { return {"the local development authority"}; }

 private:
  struct Inner;
  Offload& offload_;
  const WallClock& clock_;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
