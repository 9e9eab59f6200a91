// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace voicectl {

struct ClientOptions {
  Port port;
  /// Name in the handshake; empty sends none.
  std::string server_name;
  /// PEM file with the roots to trust. Empty: plain TCP instead of TLS.
  std::string roots;
  /// Newest TLS version offered, as OpenSSL numbers them; 0 for the newest there is.
  int newest_tls = 0;
};

/// One connection to 127.0.0.1, blocking, for tests.
class TinyClient {
 public:
  /// ERRORS: kUnavailable if the connection or the handshake fails, with why.
  static Result<TinyClient> connect(const ClientOptions& options);
  TinyClient(TinyClient&&) noexcept;
  ~TinyClient();

  void send(const std::string& text);
  /// All that comes until the other side closes.
  std::string read_to_end();
  /// What comes until it ends with `end`, or the other side closes.
  std::string read_until(const std::string& end);

  /// Serial number of the server's certificate, hexadecimal.
  std::string peer_serial() const;
  /// "TLSv1.3".
  std::string protocol() const;

 private:
  struct Inner;
  explicit TinyClient(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

/// One request on a connection of its own; the whole answer, or the error's text.
std::string ask(const ClientOptions& options, const std::string& request);

/// "GET <path>" with Host and Connection: close.
std::string get_request(const std::string& host, const std::string& path);

}  // namespace voicectl
