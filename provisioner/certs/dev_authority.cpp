// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/dev_authority.h"

#include <optional>
#include <utility>

#include "provisioner/certs/x509.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostAuthorityBytes = 64U << 10;
constexpr FileMode kPublicFile{0644};
/// For clients whose clock is behind.
constexpr std::chrono::hours kClockMargin{1};

Validity validity_from(WallTime now, std::chrono::days life) {
  return {now - kClockMargin, now + life};
}

}  // namespace

struct DevAuthority::Inner {
  Inner(FileSystem& file_system, DevAuthorityOptions given)
      : files(file_system), options(std::move(given)) {}

  /// The authority on disk, or a new one that is on disk now. Runs on the offload, as all below:
  /// one piece of work at a time, so no two make it at once.
  Result<AuthorityPem> load_or_make(WallTime now) {
    VC_TRY(const std::optional<std::string> text,
           files.read(options.authority_file, kMostAuthorityBytes));
    if (text) {
      VC_TRY(AuthorityPem authority, parse_authority(Secret(*text)));
      if (authority.not_after > now) {
        VC_TRY(publish_root(authority));
        return authority;
      }
    }
    VC_TRY(AuthorityPem authority,
           make_authority(validity_from(now, options.root_life), options.permitted_names));
    VC_TRY(files.replace_atomically(options.authority_file, authority.pem.reveal(), kPrivateFile));
    VC_TRY(publish_root(authority));
    return authority;
  }

  /// The root file follows from the authority, so it is mended whenever it is not what it should
  /// be, as after a crash between the two writes.
  Status publish_root(const AuthorityPem& authority) {
    VC_TRY(const std::optional<std::string> present,
           files.read(options.root_file, kMostAuthorityBytes));
    if (present == authority.root_pem) {
      return ok_status();
    }
    return files.replace_atomically(options.root_file, authority.root_pem, kPublicFile);
  }

  Result<Certificate> issue(const CertificateRequest& request, WallTime now) {
    VC_TRY(check_certificate_name(request.name));
    VC_TRY(const AuthorityPem authority, load_or_make(now));
    return issue_certificate(authority, request, validity_from(now, options.leaf_life));
  }

  FileSystem& files;
  DevAuthorityOptions options;
};

DevAuthority::DevAuthority(FileSystem& files,
                           Offload& offload,
                           const WallClock& clock,
                           DevAuthorityOptions options)
    : offload_(offload),
      clock_(clock),
      inner_(std::make_shared<Inner>(files, std::move(options))) {}

DevAuthority::~DevAuthority() = default;

void DevAuthority::issue(CertificateRequest request, Completion<Certificate> done) {
  struct Work {
    CertificateRequest request;
    WallTime now;
    std::optional<Result<Certificate>> result;
  };
  const auto work = std::make_shared<Work>(Work{std::move(request), clock_.now(), std::nullopt});
  offload_.run([work, inner = inner_] { work->result = inner->issue(work->request, work->now); },
               [work, done = std::move(done)] { done(std::move(*work->result)); });
}

}  // namespace voicectl
