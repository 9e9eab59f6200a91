// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "provisioner/model/order_limit.h"

namespace voicectl {

/// A certificate to order.
struct CertificateRequest {
  /// Host name, or "*.<domain>" for all hosts right below it.
  std::string name;
  /// More names that it is good for.
  std::vector<std::string> alternative_names;
};

/// A certificate with its key.
struct Certificate {
  /// As it was asked for: "*.<domain>" for the wildcard.
  std::string name;
  /// Key, certificate, and the chain up to but without the root, in one PEM text: one file, so
  /// that a renewal is never seen half done.
  Secret pem;
  WallTime not_after{};
};

/// Who makes certificates, such as the local development authority.
///
/// THREADS: loop thread only.
class CertificateSource {
 public:
  virtual ~CertificateSource() = default;

  /// `done` runs once, in a later turn.
  /// ERRORS: kInvalidArgument for a name that is no host name and no wildcard; kUnavailable when
  /// the authority cannot be reached; kPermissionDenied when it refuses.
  virtual void issue(CertificateRequest request, Completion<Certificate> done) = 0;

  /// What is known of how many it gives.
  virtual OrderLimit limit() const = 0;
};

/// ERRORS: kInvalidArgument unless `name` is a host name or "*." before one.
Status check_certificate_name(std::string_view name);

/// Name of the file, without folder, that holds the certificate for `name`: "<host>.pem", and
/// "_wildcard.<domain>.pem" for "*.<domain>" (a host name has no underscore, so they never meet).
/// ERRORS: as check_certificate_name.
Result<std::string> certificate_file_name(std::string_view name);

/// When the first certificate of a PEM text ends.
/// ERRORS: kCorrupt if there is none.
Result<WallTime> certificate_not_after(std::string_view pem);

}  // namespace voicectl
