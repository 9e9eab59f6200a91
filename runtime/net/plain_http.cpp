// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/plain_http.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/net/http_call_text.h"
#include "runtime/net/http_text.h"
#include "runtime/net/plain_connection.h"
#include "runtime/net/poll_set.h"

namespace voicectl {
namespace {

/// Idle connections kept for the next call to one address.
constexpr std::size_t kKeptEach = 64;

/// A connection that waited longer may have been forgotten by something between here and there.
constexpr Duration kKeptFor = std::chrono::seconds(60);

/// By byte, because every call is looked at.
constexpr std::array<bool, 256> kUnusual = [] {
  std::array<bool, 256> unusual{};
  for (std::size_t byte = 0; byte < unusual.size(); ++byte) {
    unusual[byte] = byte <= 0x20 || byte >= 0x7F;
  }
  for (const char c : std::string_view("#@\\\"<>{}|^`")) {
    unusual[static_cast<unsigned char>(c)] = true;
  }
  return unusual;
}();

bool is_unusual(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return kUnusual[static_cast<unsigned char>(c)]; });
}

std::string render_request(const PlainTarget& target, const HttpCall& call) {
  const bool has_body =
      !call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  std::string text;
  text.reserve(256 + call.body.size());
  text.append(call.method).append(" ").append(target.path).append(" HTTP/1.1\r\nHost: ");
  text.append(target.authority).append("\r\nUser-Agent: voicectl/" VOICECTL_VERSION "\r\n");
  for (const auto& [name, value] : call.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!find_header(call.headers, "Accept")) {
    text += "Accept: */*\r\n";
  }
  if (has_body) {
    text.append("Content-Length: ").append(std::to_string(call.body.size())).append("\r\n");
  }
  return text.append("\r\n").append(call.body);
}

}  // namespace

std::optional<PlainTarget> plain_target_of(const HttpCall& call) {
  constexpr std::string_view kScheme = "http://";
  const std::string_view url = call.url;
  if (!url.starts_with(kScheme) || is_unusual(url) || !call.unix_socket.empty() ||
      !call.connect_to.empty()) {
    return std::nullopt;
  }
  for (const char* const name : {"Host", "Content-Length", "Transfer-Encoding", "Connection",
                                 "Expect", "User-Agent", "Upgrade"}) {
    if (find_header(call.headers, name)) {
      return std::nullopt;
    }
  }
  const std::string_view rest = url.substr(kScheme.size());
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  PlainTarget target;
  target.authority = rest.substr(0, end);
  const std::size_t colon = std::min(target.authority.find(':'), target.authority.size());
  target.address = target.authority.substr(0, colon);
  const std::string port = target.authority.substr(std::min(colon + 1, target.authority.size()));
  const auto [stop, problem] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  const bool has_port = colon < target.authority.size();
  boost::system::error_code error;
  boost::asio::ip::make_address_v4(target.address, error);
  if (error || (has_port && (problem != std::errc() || stop != port.data() + port.size()))) {
    return std::nullopt;
  }
  target.path = (rest.substr(end).starts_with('/') ? "" : "/") + std::string(rest.substr(end));
  return target;
}

/// The connections: those that carry a call, and by authority those that wait for one.
struct PlainHttp::Inner final : PlainConnection::Pool,
                                std::enable_shared_from_this<PlainHttp::Inner> {
  explicit Inner(AsioReactor& loop) : reactor(loop) {
    // Now, while there is a descriptor for it.
    PollSet::common_to(loop.context());
  }

  void stop() {
    is_stopped = true;
    for (const auto& connection : std::exchange(all, {})) {
      connection->close();
    }
    idle.clear();
  }

  void carry(PlainCall call) override {
    auto& kept = idle[call.target.authority];
    // The latest waits at the end: if that is too old, all are. A call that was sent in vain gets a
    // connection that is certainly open.
    if (!kept.empty() && reactor.now() - kept.back()->idle_since() > kKeptFor) {
      drop(std::exchange(kept, {}));
    }
    if (!kept.empty() && !call.was_sent) {
      const std::shared_ptr<PlainConnection> connection = std::move(kept.back());
      kept.pop_back();
      connection->ask(std::move(call));
      return;
    }
    const auto connection = std::make_shared<PlainConnection>(reactor, weak_from_this());
    all.insert(connection);
    connection->connect(std::move(call));
  }

  void keep(const std::shared_ptr<PlainConnection>& connection,
            const std::string& authority) override {
    auto& kept = idle[authority];
    if (kept.size() < kKeptEach && !is_stopped) {
      kept.push_back(connection);
    } else {
      forget(connection);
      connection->close();
    }
  }

  void forget(const std::shared_ptr<PlainConnection>& connection) override {
    all.erase(connection);
    for (auto& [authority, kept] : idle) {
      std::erase(kept, connection);
    }
  }

  void drop(const std::vector<std::shared_ptr<PlainConnection>>& connections) {
    for (const auto& connection : connections) {
      all.erase(connection);
      connection->close();
    }
  }

  AsioReactor& reactor;
  bool is_stopped = false;
  std::unordered_set<std::shared_ptr<PlainConnection>> all;
  std::unordered_map<std::string, std::vector<std::shared_ptr<PlainConnection>>> idle;
};

PlainHttp::PlainHttp(AsioReactor& reactor) : inner_(std::make_shared<Inner>(reactor)) {}

PlainHttp::~PlainHttp() {
  inner_->stop();
}

void PlainHttp::send(PlainTarget target, HttpCall call, Completion<HttpResponse> done) {
  PlainCall plain;
  plain.request = render_request(target, call);
  plain.target = std::move(target);
  plain.deadline = inner_->reactor.now() + call.timeout;
  call.body.clear();
  call.body.shrink_to_fit();
  plain.call = std::move(call);
  plain.done = std::move(done);
  inner_->carry(std::move(plain));
}

}  // namespace voicectl
