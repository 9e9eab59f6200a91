// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about the lock that changes are made under.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"
#include "provisioner/model/text_rules.h"

namespace voicectl {
namespace {

/// Nobody waits longer for somebody else.
constexpr std::int64_t kLongestWait = 3600;
constexpr std::size_t kLongestHolder = 200;
constexpr std::size_t kLongestPurpose = 1000;

Json show(const HeldLock& held) {
  return {
      {"token", held.token.value},
      {"holder", held.wish.holder},
      {"purpose", held.wish.purpose},
      {"since", format_wall_time(held.since)},
      {"renewed_at", format_wall_time(held.renewed_at)},
      {"expires_at", held.is_applying ? Json(nullptr) : Json(format_wall_time(held.expires_at))},
      {"applying", held.is_applying}};
}

bool is_word(std::string_view text, std::size_t most) {
  return text.size() <= most && !find_unprintable(text, Lines::kOne);
}

Result<LockWish> wish_in(const HttpRequest& request) {
  VC_TRY(const Json body, parse_body(request.body));
  VC_TRY(std::string holder, require_string(body, "holder"));
  std::string purpose = string_or(body, "purpose", "");
  if (holder.empty() || !is_word(holder, kLongestHolder) || !is_word(purpose, kLongestPurpose)) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot take the lock: 'holder' and 'purpose' must be one printable line");
  }
  return LockWish{std::move(holder), std::move(purpose),
                  std::chrono::seconds(integer_or(body, "life_s", kLockLife.count()))};
}

Duration patience_in(const HttpRequest& request) {
  const Result<Json> body = parse_body(request.body);
  return std::chrono::seconds(std::clamp<std::int64_t>(
      body.has_error() ? 0 : integer_or(*body, "wait_s", 0), 0, kLongestWait));
}

std::optional<FencingToken> token_in(const std::string& text) {
  const std::optional<std::int64_t> number = whole_number(text);
  return number ? std::optional(FencingToken{static_cast<std::uint64_t>(*number)}) : std::nullopt;
}

Error no_token() {
  return {ErrorCode::kInvalidArgument, "cannot read the token of the lock"};
}

}  // namespace

void ControlServer::show_lock(const Call& call) {
  const std::optional<HeldLock>& held = deps_.lock.held();
  answer(call, {{"lock", held ? show(*held) : Json()}, {"busy", deps_.loop.is_busy()}});
}

void ControlServer::take_lock(const Call& call) {
  const Result<LockWish> wish = wish_in(call.request);
  if (wish.has_error()) {
    refuse(call, wish.error());
    return;
  }
  const std::shared_ptr<ResponseStream> stream =
      call.responder->stream(HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, ""});
  if (const std::optional<HeldLock>& held = deps_.lock.held()) {
    stream->write(dump_json({{"waiting_for", show(*held)}}) + "\n");
  }
  const auto id = deps_.lock.take(
      *wish, patience_in(call.request), [this, stream](const Result<HeldLock>& taken) {
        if (taken.has_value() && !stream->is_open()) {
          // Whoever asked has gone: the next one need not wait for its life to end.
          (void)deps_.lock.release(taken->token);  // it was taken in this turn
          return;
        }
        const Json line = taken.has_value() ? Json{{"lock", show(*taken)}}
                                            : Json{{"error",
                                                    {{"code", name_of(taken.error().code())},
                                                     {"message", taken.error().text()}}}};
        stream->write(dump_json(line) + "\n");
        stream->end();
      });
  stream->on_gone([this, id] { deps_.lock.stop_waiting(id); });
}

void ControlServer::renew_lock(const Call& call) {
  const std::optional<FencingToken> token = token_in(call.captures[0]);
  const Result<HeldLock> held = token ? deps_.lock.renew(*token) : Result<HeldLock>(no_token());
  held.has_error() ? refuse(call, held.error()) : answer(call, {{"lock", show(*held)}});
}

void ControlServer::release_lock(const Call& call) {
  const std::optional<FencingToken> token = token_in(call.captures[0]);
  const Status released = token ? deps_.lock.release(*token) : Status(no_token());
  released.has_error() ? refuse(call, released.error()) : answer(call, {{"token", token->value}});
}

void ControlServer::steal_lock(const Call& call) {
  const Result<Json> body = parse_body(call.request.body);
  const Result<std::string> holder =
      body.has_error() ? Result<std::string>(body.error()) : require_string(*body, "holder");
  if (holder.has_error()) {
    refuse(call, holder.error());
    return;
  }
  const std::string who = string_or(*body, "who", "unknown");
  const Result<HeldLock> stolen =
      is_word(who, kLongestHolder)
          ? deps_.lock.steal(*holder, who)
          : Result<HeldLock>(Error(ErrorCode::kInvalidArgument, "cannot take 'who': too long"));
  stolen.has_error() ? refuse(call, stolen.error()) : answer(call, {{"stolen", show(*stolen)}});
}

Result<ControlServer::LockedRun> ControlServer::begin_run(const Json& body,
                                                          const std::string& purpose) {
  const std::int64_t number = integer_or(body, "lock", -1);
  LockedRun run;
  if (number >= 0) {
    run.given = FencingToken{static_cast<std::uint64_t>(number)};
  }
  // Shown to whoever comes next.
  const LockWish wish{one_line(string_or(body, "who", "unknown"), kLongestHolder),
                      one_line(purpose, kLongestPurpose)};
  VC_TRY(run.token, deps_.lock.begin_run(run.given, wish));
  return run;
}

void ControlServer::abandon(const LockedRun& run) {
  deps_.lock.abandon_run(run.token, run.given);
}

ReconcileLoop::ApplyListener ControlServer::ending(const LockedRun& run,
                                                   ReconcileLoop::ApplyListener listener) {
  listener.on_finished =
      [this, run, on_finished = std::move(listener.on_finished)](const api::ApplyOutcome& outcome) {
        deps_.lock.end_run(run.token);
        on_finished(outcome);
      };
  return listener;
}

}  // namespace voicectl
