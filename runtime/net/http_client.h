// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/os/asio_reactor.h"
#include "base/result.h"
#include "runtime/net/http_message.h"

namespace voicectl {

class AddressPolicy;

struct HttpCall {
  std::string method = "GET";
  std::string url;
  /// "Connection: close" gives the call a connection that was not used before, and closes it
  /// afterwards.
  HttpHeaders headers;
  std::string body;
  /// From start to the last byte of the answer.
  Duration timeout = std::chrono::seconds(10);
  /// Longest answer.
  std::size_t max_body = 4U << 20;
  /// Path of a unix socket to connect to instead of the URL's host; empty for none.
  std::string unix_socket;
  /// "127.0.0.1:8080": connect there whatever the URL says; empty for what it says. TLS and the
  /// Host header still go by the URL.
  std::string connect_to;
  /// PEM file of the authorities to trust instead of the system's; empty for those.
  std::string ca_file;
  /// Where the call may go, judged by the address that is connected to, after names were resolved;
  /// null: anywhere. For URLs that somebody else has chosen.
  std::shared_ptr<const AddressPolicy> addresses;
};

/// Outgoing HTTP(S) with pooled connections: libcurl's multi interface on the loop, except for
/// plain HTTP to an address in numbers (plain_http.h), which is most of it and goes without.
///
/// Verifies certificates; follows no redirects; speaks only http and https; keeps no cookies;
/// takes nothing from the environment, proxies included.
/// THREADS: loop thread only.
class HttpClient {
 public:
  explicit HttpClient(AsioReactor& reactor);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// For every call that has no connect_to of its own and names a host. An address in numbers is
  /// gone to: whoever writes one means it.
  void set_connect_to(std::string address);

  /// Any status is an answer. `done` runs once, in a later turn, unless the client dies first,
  /// which it may do in `done`.
  /// ERRORS: kTimeout; kUnavailable (refused, reset, name not found); kPermissionDenied (the
  /// certificate does not verify, or the call may not go there); kResourceExhausted (answer too
  /// long); kInvalidArgument (URL).
  void send(HttpCall call, Completion<HttpResponse> done);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
