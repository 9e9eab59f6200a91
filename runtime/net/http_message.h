// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace voicectl {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The first header of that name, compared without case; nullopt if there is none.
std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name);

/// The process at the other end of a unix socket, as the kernel knows it since it connected
/// (SO_PEERCRED).
struct PeerProcess {
  std::uint32_t uid = 0;
  /// 0 for one that has no number here (another pid namespace).
  std::int32_t pid = 0;
};

/// A whole request, checked: the path is percent-decoded and holds no "..", NUL or "//"; the query
/// is decoded, and a key that stands twice is refused while reading.
struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> query;
  HttpHeaders headers;
  std::string body;
  /// On unix sockets.
  std::optional<PeerProcess> peer;

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

/// A response with a JSON body (already rendered) and its content type.
HttpResponse json_response(int status, std::string body);

/// `{"error":{"code":"not_found","message":"..."}}` with the status that fits.
HttpResponse error_response(int status, std::string_view code, std::string_view message);

/// The bytes on the wire, with Content-Length and Connection.
std::string render_response(const HttpResponse& response, bool keep_alive);

}  // namespace voicectl
