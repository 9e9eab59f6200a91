// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace voicectl::runtime {

/// How a server of TLS is, or fails to be.
enum class TlsConduct {
  kGood,
  kSelfSigned,
  kUnknownAuthority,
  kExpired,
  kNotYetValid,
  kOtherHost,
  kOldVersion,       ///< speaks TLS 1.1 at most
  kMuteInHandshake,  ///< takes the greeting, and says nothing
  kEndInHandshake,   ///< takes the greeting, and hangs up
  kPlaintext,        ///< answers HTTP to the greeting
};

/// OpenSSL as server for "localhost", on a port of the loopback address and a thread of its own.
/// It answers every request with 200 and `{}`.
class TlsServer {
 public:
  explicit TlsServer(TlsConduct conduct);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const;
  /// PEM file of the authority that signs all certificates but those of kSelfSigned and
  /// kUnknownAuthority.
  std::string authority_file() const;
  int connections() const;
  /// All that peers told it: what came through TLS, and what came without.
  std::string heard() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl::runtime
