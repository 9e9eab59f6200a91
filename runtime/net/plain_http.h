// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/os/asio_reactor.h"
#include "base/result.h"
#include "runtime/net/http_client.h"

namespace voicectl {

/// Where a call goes that needs neither names to be looked up nor TLS.
struct PlainTarget {
  /// "10.0.0.7:8000", as it stands in the URL; also the Host header.
  std::string authority;
  std::string address;
  std::uint16_t port = 80;
  /// Path and query.
  std::string path;
};

/// The target of a call over plain HTTP to an IPv4 address in numbers; absent for any other, and
/// for one that asks for something unusual.
std::optional<PlainTarget> plain_target_of(const HttpCall& call);

/// HTTP/1.1 over kept connections for calls inside of a host or a private network: the playing
/// field of ERPNext and of sidecars.
///
/// libcurl takes a new handle, several system calls and about 100,000 instructions for each
/// transfer; this takes one send and one receive.
/// THREADS: loop thread only.
class PlainHttp {
 public:
  explicit PlainHttp(AsioReactor& reactor);
  /// Closes everything; no completion runs afterwards.
  ~PlainHttp();
  PlainHttp(const PlainHttp&) = delete;
  PlainHttp& operator=(const PlainHttp&) = delete;

  /// As HttpClient::send. A kept connection that turns out to be closed before a byte of the answer
  /// came is replaced once. REQUIRES: `call` passed `check_call`.
  void send(PlainTarget target, HttpCall call, Completion<HttpResponse> done);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
