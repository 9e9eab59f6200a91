// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/os/file_system.h"
#include "base/result.h"
#include "provisioner/certs/certificates.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// Where certificates are kept, and where nginx reads them.
struct CertificateFolders {
  /// Survives a reboot; private (0700, files 0600).
  std::string kept;
  /// Copies for nginx's own processes, which read them at each handshake. May be lost.
  std::string served;
  /// Who owns the copies (0640) when nginx's processes are another user: root and their group.
  /// Otherwise the copies are 0600.
  std::optional<UserIds> owner;
};

/// The certificates on disk, one file each, replaced in one step.
///
/// THREADS: any (calls are independent).
class CertificateStore {
 public:
  CertificateStore(FileSystem& files, CertificateFolders folders);

  /// Keeps the certificate and hands a copy to nginx. Handshakes from then on use it; no reload.
  Status put(const Certificate& certificate);

  /// Certificates that are kept and can be read, sorted by name. A broken file is left out: it is
  /// as good as missing and gets ordered anew.
  Result<std::vector<RecordedCertificate>> list();

  /// Gives nginx copies of all that is kept: after a reboot, which empties the run folder.
  Status publish_all();

  /// Forgets a certificate. One that is not there is success.
  Status remove(const std::string& name);

 private:
  Status publish(const std::string& file_name, const std::string& pem);
  /// As `certificate_not_after`, which takes longer than to see that it is the same as before.
  Result<WallTime> not_after_of(const std::string& pem);

  FileSystem& files_;
  CertificateFolders folders_;
  std::mutex mutex_;
  /// Ends of certificates by the digests of their files.
  std::unordered_map<std::string, WallTime> known_;
};

}  // namespace voicectl
