// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "provisioner/certs/certificates.h"

namespace voicectl {

/// From when to when a certificate is good.
struct Validity {
  WallTime not_before{};
  WallTime not_after{};
};

/// An authority of our own: key and self-signed certificate in one PEM text. P-256.
struct AuthorityPem {
  Secret pem;
  /// The certificate alone.
  std::string root_pem;
  WallTime not_after{};
  /// Names it may speak for, with all below them; empty for no bound.
  std::vector<std::string> permitted_names;
};

/// Makes a new authority. Slow enough (a key is drawn) to keep off the loop.
Result<AuthorityPem> make_authority(const Validity& validity,
                                    const std::vector<std::string>& permitted_names);

/// ERRORS: kCorrupt if the text holds no key, no certificate, or two that do not belong together.
Result<AuthorityPem> parse_authority(const Secret& pem);

/// Makes a key and a certificate for a TLS server, signed by the authority. The serial number is
/// random. It ends with the authority at the latest.
/// ERRORS: kInvalidArgument for a name that is none; kPermissionDenied for one that the authority
/// may not speak for.
Result<Certificate> issue_certificate(const AuthorityPem& authority,
                                      const CertificateRequest& request,
                                      const Validity& validity);

}  // namespace voicectl
