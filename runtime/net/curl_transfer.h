// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/ip_address.h"
#include "base/result.h"
#include "runtime/net/curl_library.h"
#include "runtime/net/http_client.h"

namespace voicectl {

/// One call in libcurl's hands: the handle, and what the handle points into.
class CurlTransfer {
 public:
  /// REQUIRES: `call` passed `check_call`. ERRORS: kResourceExhausted.
  static Result<std::unique_ptr<CurlTransfer>> make(const CurlLibrary& curl,
                                                    HttpCall call,
                                                    Completion<HttpResponse> done);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* handle() const { return handle_; }
  /// The answer, or why there is none. REQUIRES: the transfer is over, with `code`.
  Result<HttpResponse> outcome(CURLcode code);
  /// The completion; to be called once.
  Completion<HttpResponse> take_done() { return std::move(done_); }

 private:
  CurlTransfer(const CurlLibrary& curl, HttpCall call, Completion<HttpResponse> done);

  void set_options();
  void set_method();
  void set_headers();
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  /// Opens the socket of a new connection, if that may go where it is to go.
  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
  /// The same for one that was opened for somebody else.
  static int on_connected(void* self, char* address, char* local, int port, int local_port);
  bool may_go_to(const std::optional<IpAddress>& address);
  void add_header_line(std::string_view line);
  Error error_for(CURLcode code) const;

  const CurlLibrary& curl_;
  HttpCall call_;
  Completion<HttpResponse> done_;
  CURL* handle_;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool is_too_long_ = false;
  /// Where it would have gone, and may not; empty: nowhere.
  std::string forbidden_;
  char detail_[CURL_ERROR_SIZE] = {};
};

}  // namespace voicectl
