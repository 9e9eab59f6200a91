// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/curl_transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/net/http_call_text.h"
#include "runtime/net/http_text.h"

namespace voicectl {
namespace {

/// Headers of an answer, in bytes, before it counts as an attempt to fill our memory.
constexpr std::size_t kMostHeaderBytes = std::size_t{64} * 1024;

ErrorCode code_of(CURLcode code) {
  if (code == CURLE_URL_MALFORMAT) {
    return ErrorCode::kInvalidArgument;
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return ErrorCode::kTimeout;
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    return ErrorCode::kPermissionDenied;
  }
  return code == CURLE_OUT_OF_MEMORY ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable;
}

/// libcurl says "unsupported protocol" of the URL's, and of an answer that is no HTTP.
bool names_http(std::string_view url) {
  const std::string_view scheme = url.substr(0, url.find("://"));
  return equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
}

long in_milliseconds(Duration length) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(length).count();
  // Zero would mean "no limit" to libcurl.
  return static_cast<long>(std::clamp<std::int64_t>(count, 1, std::numeric_limits<int>::max()));
}

}  // namespace

Result<std::unique_ptr<CurlTransfer>> CurlTransfer::make(const CurlLibrary& curl,
                                                         HttpCall call,
                                                         Completion<HttpResponse> done) {
  std::unique_ptr<CurlTransfer> transfer(new CurlTransfer(curl, std::move(call), std::move(done)));
  if (transfer->handle_ == nullptr) {
    return Error(ErrorCode::kResourceExhausted, "cannot send a request: out of memory");
  }
  transfer->set_options();
  return transfer;
}

CurlTransfer::CurlTransfer(const CurlLibrary& curl, HttpCall call, Completion<HttpResponse> done)
    : curl_(curl), call_(std::move(call)), done_(std::move(done)), handle_(curl.easy_init()) {}

CurlTransfer::~CurlTransfer() {
  curl_.easy_cleanup(handle_);
  curl_.slist_free_all(headers_);
  curl_.slist_free_all(connect_to_);
}

void CurlTransfer::set_options() {
  curl_.easy_setopt(handle_, CURLOPT_URL, call_.url.c_str());
  curl_.easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_.easy_setopt(handle_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_.easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  // An empty proxy is what keeps http_proxy of the environment out.
  curl_.easy_setopt(handle_, CURLOPT_PROXY, "");
  curl_.easy_setopt(handle_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_.easy_setopt(handle_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_.easy_setopt(handle_, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_.easy_setopt(handle_, CURLOPT_TIMEOUT_MS, in_milliseconds(call_.timeout));
  curl_.easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS, in_milliseconds(call_.timeout));
  curl_.easy_setopt(handle_, CURLOPT_USERAGENT, "voicectl/" VOICECTL_VERSION);
  curl_.easy_setopt(handle_, CURLOPT_ERRORBUFFER, detail_);
  // Over HTTP/2 nobody is told the header, and libcurl would keep the connection.
  if (find_header(call_.headers, "Connection") == "close") {
    curl_.easy_setopt(handle_, CURLOPT_FRESH_CONNECT, 1L);
    curl_.easy_setopt(handle_, CURLOPT_FORBID_REUSE, 1L);
  }
  if (!call_.unix_socket.empty()) {
    curl_.easy_setopt(handle_, CURLOPT_UNIX_SOCKET_PATH, call_.unix_socket.c_str());
  }
  if (!call_.connect_to.empty()) {
    // "::" before the address: whatever host and port the URL names.
    connect_to_ = curl_.slist_append(nullptr, ("::" + call_.connect_to).c_str());
    curl_.easy_setopt(handle_, CURLOPT_CONNECT_TO, connect_to_);
  }
  if (!call_.ca_file.empty()) {
    curl_.easy_setopt(handle_, CURLOPT_CAINFO, call_.ca_file.c_str());
    curl_.easy_setopt(handle_, CURLOPT_CAPATH, nullptr);
  }
  if (call_.addresses) {
    curl_.easy_setopt(handle_, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_open);
    curl_.easy_setopt(handle_, CURLOPT_OPENSOCKETDATA, this);
    curl_.easy_setopt(handle_, CURLOPT_PREREQFUNCTION, &CurlTransfer::on_connected);
    curl_.easy_setopt(handle_, CURLOPT_PREREQDATA, this);
  }
  curl_.easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  curl_.easy_setopt(handle_, CURLOPT_WRITEDATA, this);
  curl_.easy_setopt(handle_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  curl_.easy_setopt(handle_, CURLOPT_HEADERDATA, this);
  set_method();
  set_headers();
}

void CurlTransfer::set_method() {
  const bool takes_body = !call_.body.empty() || call_.method == "POST" || call_.method == "PUT" ||
                          call_.method == "PATCH";
  if (takes_body) {
    curl_.easy_setopt(handle_, CURLOPT_POST, 1L);
    curl_.easy_setopt(handle_, CURLOPT_POSTFIELDS, call_.body.data());
    curl_.easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE,
                      static_cast<curl_off_t>(call_.body.size()));
  } else if (call_.method == "HEAD") {
    curl_.easy_setopt(handle_, CURLOPT_NOBODY, 1L);
  }
  curl_.easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, call_.method.c_str());
}

void CurlTransfer::set_headers() {
  for (const auto& [name, value] : call_.headers) {
    // libcurl sends an empty value only when told so with a semicolon.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    headers_ = curl_.slist_append(headers_, line.c_str());
  }
  // Neither the wait for "100 Continue" nor the form content type is wanted by default.
  for (const char* const name : {"Expect", "Content-Type"}) {
    if (!find_header(call_.headers, name)) {
      headers_ = curl_.slist_append(headers_, (std::string(name) + ":").c_str());
    }
  }
  curl_.easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
}

std::size_t CurlTransfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (length > transfer.call_.max_body - transfer.response_.body.size()) {
    transfer.is_too_long_ = true;
    return 0;
  }
  transfer.response_.body.append(bytes, length);
  return length;
}

std::size_t CurlTransfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  transfer.add_header_line(std::string_view(bytes, length));
  return transfer.is_too_long_ ? 0 : length;
}

bool CurlTransfer::may_go_to(const std::optional<IpAddress>& address) {
  if (address && call_.addresses->allows(*address)) {
    return true;
  }
  forbidden_ = address ? address->str() : "no IP address";
  return false;
}

curl_socket_t CurlTransfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  if (!static_cast<CurlTransfer*>(self)->may_go_to(IpAddress::of(address->addr))) {
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int CurlTransfer::on_connected(void* self, char* address, char*, int, int) {
  return static_cast<CurlTransfer*>(self)->may_go_to(IpAddress::parse(address))
             ? CURL_PREREQFUNC_OK
             : CURL_PREREQFUNC_ABORT;
}

void CurlTransfer::add_header_line(std::string_view line) {
  // Of all answers together: informational ones may come without end.
  header_bytes_ += line.size();
  if (header_bytes_ > kMostHeaderBytes) {
    is_too_long_ = true;
    return;
  }
  if (line.starts_with("HTTP/")) {
    // An informational answer came before the real one.
    response_.headers.clear();
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return;
  }
  std::string_view value = line.substr(colon + 1);
  value = value.substr(0, value.find_last_not_of("\r\n") + 1);
  response_.headers.emplace_back(line.substr(0, colon), trim_blanks(value));
}

Error CurlTransfer::error_for(CURLcode code) const {
  if (is_too_long_) {
    return call_failed(call_, ErrorCode::kResourceExhausted,
                       "it is longer than " + std::to_string(call_.max_body) + " bytes");
  }
  if (!forbidden_.empty() && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK)) {
    return call_forbidden(call_, forbidden_);
  }
  const std::string reason = detail_[0] != '\0' ? detail_ : curl_.easy_strerror(code);
  if (code == CURLE_UNSUPPORTED_PROTOCOL && !names_http(call_.url)) {
    return call_failed(call_, ErrorCode::kInvalidArgument, reason);
  }
  return call_failed(call_, code_of(code), reason);
}

Result<HttpResponse> CurlTransfer::outcome(CURLcode code) {
  if (code != CURLE_OK) {
    return error_for(code);
  }
  long status = 0;
  curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

}  // namespace voicectl
