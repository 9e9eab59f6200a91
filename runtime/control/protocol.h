// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/units.h"

/// What the daemon and an instance say to each other over their channel (base/os/fd_channel.h).
///
/// The instance listens at `<run>/instances/<name>/control.sock`, a socket that the daemon bound
/// and passed on as descriptor 3; the daemon connects, now and after each of its restarts. Every
/// message is one JSON object. The daemon asks with an `id`; the instance answers with the same
/// number as `re`. One connection is served at a time: a newer daemon replaces the older.
namespace voicectl::control {

/// Both sides refuse a message of another version.
inline constexpr int kVersion = 1;

/// Numbers under which an instance inherits its descriptors.
inline constexpr int kControlDescriptor = 3;
inline constexpr int kAdminDescriptor = 4;

/// Daemon to instance.
namespace request {
/// Who asks: {"instance","epoch"}. First message of every connection. An instance that met a
/// higher epoch refuses (kFenced). Answer `ready`: {"version","pid","tenants"}, where `pid`
/// is the number of the instance's own process and `tenants` says how many it serves: a list of
/// thousands would fit into no message.
inline constexpr std::string_view kHello = "hello";
/// {} with the end of a lane (runtime/parking/protocol.h): connections are parked there from now
/// on, unless there is a lane already.
inline constexpr std::string_view kKeep = "keep";
/// {"tenant"} with a socket: what instances that died had parked of it comes from there, for a
/// tenant that is lent next.
inline constexpr std::string_view kRecover = "recover";
/// {"tenant","generation","token","config","data"} with two descriptors: unix and TCP listener.
/// Answer: {"recovered","doubtful":{reason: count}}, what became of parked connections.
/// `config` and `data` are the paths of its configuration file and folder. Idempotent: lending
/// what is there with the same or a newer token takes the new configuration.
inline constexpr std::string_view kLend = "lend";
/// {"tenant","generation","config"}: read the configuration file again.
inline constexpr std::string_view kReconfigure = "reconfigure";
/// {"tenant"}: read the file with the hashes of its API keys again, and close what they no longer
/// open.
inline constexpr std::string_view kReloadKeys = "reload_keys";
/// {"tenant","token"}: stop accepting, finish requests, close its sockets (1012), flush, let go.
/// What is not here is let go of, whatever its token.
inline constexpr std::string_view kReclaim = "reclaim";
/// A handoff::HandOverOrder, with one end of a pair of sockets: gives the tenant with its open
/// connections to whoever has the other end. If the order asks for it, `progress` messages come
/// before the answer, each a handoff::HandOverProgress. Answer: a handoff::HandOverReport, also
/// when the tenant stayed. ERRORS: kNotFound, kUnavailable (it is being opened or closed), kFenced:
/// it never began.
inline constexpr std::string_view kHandOver = "hand_over";
/// As `lend`, with the other end of the pair as a third descriptor: takes the tenant from whoever
/// has the first. Answer when it is served here: {"connections","websockets"}.
/// ERRORS: why it is not.
inline constexpr std::string_view kReceive = "receive";
/// {"admin"?}: one `listener` message per tenant, each {"tenant","generation","token"} with its two
/// descriptors, and if `admin` one {"admin":true} with that port's; then `ok` {"count"} (tenants).
inline constexpr std::string_view kRegain = "regain";
/// {"tenant"?,"status"?,"after"?,"limit"?,"created_after"?,"created_before"?}: sessions, newest
/// first, paged; times as in RFC 3339. Answer {"sessions":[{...,"cursor"}],"next"?}: each with the
/// `after` of those behind it; `next` is there if there are more.
inline constexpr std::string_view kListSessions = "list_sessions";
/// {"session"}: one session with its events. Answer {"session":{...},"events":[...]}.
inline constexpr std::string_view kShowSession = "show_session";
/// {"session","reason"}: end it. Answer {"session":{...}}.
inline constexpr std::string_view kEndSession = "end_session";
/// {"tenant","state"?,"after"?,"limit"?}: entries of its outbox by their numbers. Answer
/// {"entries":[...]}.
inline constexpr std::string_view kListOutbox = "list_outbox";
/// {"tenant","entry"}: one of them with its payload. Answer {"entry":{...}}.
inline constexpr std::string_view kShowOutbox = "show_outbox";
/// {"tenant","entry"?}: try it now; without `entry` every dead one, and the answer is
/// {"retried"}, else {"entry"}.
inline constexpr std::string_view kRetryOutbox = "retry_outbox";
/// {"tenant","entry"}: forget it. Answer {"entry":{...}}.
inline constexpr std::string_view kDropOutbox = "drop_outbox";
/// {}: a heartbeat, answered by the loop that serves. Any answer is one.
inline constexpr std::string_view kPing = "ping";
/// {"tenant"?,"after"?}: load per tenant, paged by name; of all at once by instances before that.
/// Answer {"tenants":[{"tenant","sessions","connections","websockets","requests_total",
/// "tool_calls_total"}],"next"?}: `next` is the `after` of the next page. {"sample":true,"after"?}:
/// without counts that are 0, but with "cpu_us" (processor time here), "received", "sent" (bytes),
/// "in_flight" (requests being answered), "events_total" (passed on), "memory" (bytes held, as far
/// as that can be said), "latency" (of requests since the last sample: [bucket, count, ...], see
/// base/latency_histogram.h), "outbox_dead" {"count","entry","kind","given_up"} if effects wait for
/// an operator (the newest, and how many were given up here), and on the first page beside
/// "tenants" with "loop_lag", how late the loop was since the last sample.
inline constexpr std::string_view kStats = "stats";
/// {}: close everything and exit 0 within the grace of the daemon. Answered before it begins.
inline constexpr std::string_view kStop = "stop";
}  // namespace request

/// Instance to daemon.
namespace reply {
inline constexpr std::string_view kReady = "ready";
inline constexpr std::string_view kOk = "ok";
inline constexpr std::string_view kListener = "listener";
/// Of a question that was asked and is not answered yet.
inline constexpr std::string_view kProgress = "progress";
/// {"code","message"}: the codes of base/result.h.
inline constexpr std::string_view kError = "error";
}  // namespace reply

/// A message, either way. `id` is set on requests, `re` on answers.
struct Message {
  std::string type;
  std::optional<std::uint64_t> id;
  std::optional<std::uint64_t> re;
  /// Object with everything else.
  std::string body = "{}";
};

/// {"v":1,"type":...,"id"|"re":...,"body":{...}}
std::string encode(const Message& message);
/// The body is handed on as it came: whoever takes it reads it, and may find that it is no JSON.
/// ERRORS: kInvalidArgument for what is no message of this version; never more than 128 KiB.
Result<Message> decode(std::string_view text);

Message make_error_reply(std::uint64_t re, const Error& error);
/// The Error that a kError message stands for.
Error error_of(const Message& message);

}  // namespace voicectl::control
