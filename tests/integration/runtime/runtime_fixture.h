// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_listener_factory.h"
#include "base/random.h"
#include "base/secret.h"
#include "runtime/net/http_client.h"
#include "runtime/net/http_server.h"
#include "runtime/tenant/tenant_host.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl::runtime {

/// A listener on a free port of the loopback address.
struct FreePort {
  UniqueFd listener;
  std::uint16_t number = 0;
};
FreePort bind_free_port();

/// Text frames that a server sent, and how it ended. A small client of its own, so that the
/// server's codec is not tested with itself.
class WebSocketClient {
 public:
  /// Connects and reads in the background of the loop; an origin is what a browser's page has.
  /// REQUIRES: `reactor` outlives it.
  WebSocketClient(AsioReactor& reactor,
                  std::uint16_t port,
                  const std::string& path,
                  const std::string& origin = "");
  ~WebSocketClient();

  /// Bytes of frames, masked as the test made them.
  void send(const std::string& bytes);

  const std::vector<std::string>& texts() const { return texts_; }
  /// The status line of the answer to the upgrade.
  const std::string& status_line() const { return status_line_; }
  /// Code of the close frame; 0 while there was none.
  std::uint16_t close_code() const { return close_code_; }
  const std::string& close_reason() const { return close_reason_; }

 private:
  void read();
  void take_bytes();
  bool take_frame();

  AsioReactor& reactor_;
  UniqueFd socket_;
  WatchId watch_{};
  std::string unread_;
  std::string status_line_;
  std::vector<std::string> texts_;
  std::uint16_t close_code_ = 0;
  std::string close_reason_;
};

/// Ultravox as a script: every request for a call gets `status` and a call of its own.
class ScriptedUltravox {
 public:
  explicit ScriptedUltravox(AsioReactor& reactor);

  std::string endpoint() const;
  /// Status of the next answers to requests for a call.
  int status = 201;
  /// How many requests it took while it was mute.
  std::size_t unanswered() const { return unanswered_.size(); }
  /// Bodies of the requests for calls.
  std::vector<std::string> calls;
  /// Calls that were hung up.
  std::vector<std::string> hung_up;
  /// Requests about calls that are there get no answer.
  bool is_mute = false;
  /// Requests for a call wait until it speaks.
  bool holds_calls = false;
  std::size_t held() const { return held_.size(); }
  /// Answers the requests for a call that wait.
  void speak();
  /// Members of a call that is asked for, beside its id.
  std::string call_members =
      R"("ended":"2026-11-23T09:10:00Z","summary":"They spoke about pizza.")";
  /// Status of the answer to a question about a call.
  int call_status = 200;
  /// What was said and done in a call.
  std::string messages = R"([{"role":"MESSAGE_ROLE_AGENT","text":"Hello"}])";
  /// What agents were told to say, as JSON.
  std::vector<std::string> told;
  /// Status of the next answers to requests to hang up.
  int hang_up_status = 204;

 private:
  void answer(const HttpRequest& request, const std::shared_ptr<Responder>& responder);

  HttpResponse new_call();

  std::vector<std::shared_ptr<Responder>> unanswered_;
  std::vector<std::shared_ptr<Responder>> held_;
  std::size_t made_ = 0;

  std::uint16_t port_ = 0;
  HttpServer server_;
};

/// One process with tenants on real sockets, a real disk and the scripted Ultravox.
class RuntimeFixture {
 public:
  RuntimeFixture();
  ~RuntimeFixture();

  /// A tenant that is served.
  struct Served {
    std::unique_ptr<TenantHost> host;
    std::uint16_t port = 0;
  };

  /// Opens a tenant of a restaurant with one item and three keys: "<slug>-admin", "<slug>-staff"
  /// and "<slug>-widget", with the ids "admin", "staff" and "widget". A second opening of the same
  /// tenant finds its data.
  Result<Served> open(const std::string& slug, FencingToken token = {1});
  void close(Served& served);
  /// Drops it as if its process had been killed: nothing is finished or flushed.
  static void kill(Served& served) { served.host.reset(); }

  /// Writes the configuration and makes the data folder of a tenant, without opening it.
  void prepare(const std::string& slug) { write_config(slug); }

  /// Writes the file of a tenant's API keys: a list of {"id","sha256","scope","expires_at_ms"?}.
  void write_keys(const std::string& slug, const Json& keys);

  /// Sends a request and waits for the answer.
  HttpResponse send(std::uint16_t port,
                    const std::string& method,
                    const std::string& path,
                    const std::string& body = "",
                    HttpHeaders headers = {});
  HttpResponse send(const Served& served,
                    const std::string& method,
                    const std::string& path,
                    const std::string& body = "",
                    HttpHeaders headers = {});
  /// Sends the request that many times at once and waits for all answers.
  std::vector<HttpResponse> send_at_once(const Served& served,
                                         std::size_t count,
                                         const std::string& method,
                                         const std::string& path,
                                         const std::string& body,
                                         const HttpHeaders& headers);
  /// The same, without a wait; the call's URL is the path. Answers are added as they come.
  /// REQUIRES: it outlives them.
  void begin(const Served& served,
             std::size_t count,
             const HttpCall& call,
             std::vector<HttpResponse>& answers);
  HttpResponse create_session(const Served& served, const std::string& request_id = "");
  /// Of a tenant that is served at that port by whomever.
  HttpResponse run_tool(std::uint16_t port,
                        const std::string& tenant,
                        const std::string& session,
                        const std::string& body,
                        const std::string& request_id);
  HttpResponse run_tool(const Served& served,
                        const std::string& session,
                        const std::string& body,
                        const std::string& request_id = "");
  HttpResponse post_event(const Served& served,
                          const std::string& event,
                          const std::string& call_id,
                          const std::string& session);

  /// What signs the events of a tenant's calls, and what its tools' tokens are made of.
  static Secret webhook_secret(const std::string& slug);
  static Secret tool_secret(const std::string& slug);

  std::string config_path(const std::string& slug) const { return folder_.path(slug + ".json"); }
  std::string keys_path(const std::string& slug) const { return folder_.path(slug + ".keys.json"); }
  std::string data_folder(const std::string& slug) const { return folder_.path(slug); }
  bool run_until(const std::function<bool()>& condition) { return loop_.run_until(condition); }
  AsioReactor& reactor() { return loop_.reactor(); }
  TenantDeps deps();
  Offload& offload() { return *offload_; }

  FixedWallClock clock;
  /// Where WebSockets of the tenants that are opened from now on are kept; null: nowhere.
  parking::ParkingLot* parking = nullptr;
  /// Of the tenants that are opened from now on.
  Duration ultravox_timeout = std::chrono::seconds(10);
  /// The tenants' `backend`, as JSON.
  std::string backend = R"({"kind":"builtin"})";
  /// Networks in which backends may be; absent: anywhere.
  std::optional<std::vector<std::string>> backend_networks;
  /// Of the Redis server that keeps the tenants' sessions; empty: the embedded store does.
  std::string redis_url;
  /// `limits` of the tenants that are opened from now on: a JSON object.
  std::string limits = R"({"concurrent_sessions":3})";

 private:
  void write_config(const std::string& slug);

  TempDir folder_;
  RealLoop loop_;
  SystemRandom random_;
  PosixFileSystem files_;
  HttpClient http_;
  std::unique_ptr<ThreadOffload> offload_;

 public:
  ScriptedUltravox ultravox;
};

/// A member of a JSON object as text.
std::string member(const std::string& json, const std::string& key);

}  // namespace voicectl::runtime
