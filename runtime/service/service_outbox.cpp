// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/os/fd_channel.h"
#include "runtime/service/service.h"

/// What the daemon asks about what tenants still owe to other systems, for the people at the CLI.
namespace voicectl::runtime {
namespace {

constexpr std::int64_t kDefaultEntries = 50;
constexpr std::int64_t kMaxEntries = 200;

/// Room for an answer's frame around what it carries.
constexpr std::size_t kMaxAnswer = kMaxChannelMessage - 1024;

/// Longest failure in a list; `show` has all of it.
constexpr std::size_t kMaxListedError = 160;

/// The payload holds what callers said, and is shown by `show` only.
Json summary_of(const TenantId& tenant, const OutboxEntry& entry) {
  return {{"tenant", tenant.str()},
          {"id", entry.id},
          {"session", entry.session.empty() ? Json(nullptr) : Json(entry.session)},
          {"kind", entry.kind},
          {"state", name_of(entry.state)},
          {"attempts", entry.attempts},
          {"created_at", format_wall_time(entry.created_at)},
          {"next_attempt", entry.state == OutboxEntry::State::kPending
                               ? Json(format_wall_time(entry.next_attempt))
                               : Json(nullptr)},
          {"last_error", entry.last_error.substr(0, kMaxListedError)}};
}

Json whole(const TenantId& tenant, const OutboxEntry& entry) {
  Json shown = summary_of(tenant, entry);
  shown["last_error"] = entry.last_error;
  shown["idempotency_key"] = entry.idempotency_key;
  const Result<Json> payload = parse_json(entry.payload);
  shown["payload"] = payload.has_value() ? *payload : Json(nullptr);
  if (dump_json(shown).size() > kMaxAnswer) {
    shown["payload"] = nullptr;
  }
  return shown;
}

Result<std::uint64_t> entry_number(const Json& body) {
  VC_TRY(const std::int64_t number, require_integer(body, "entry"));
  if (number < 1) {
    return Error(ErrorCode::kInvalidArgument, "cannot find an entry with a number below 1");
  }
  return static_cast<std::uint64_t>(number);
}

std::optional<OutboxEntry::State> state_in(const Json& body) {
  const std::string wanted = string_or(body, "state", "");
  for (const auto state : {OutboxEntry::State::kPending, OutboxEntry::State::kDead}) {
    if (name_of(state) == wanted) {
      return state;
    }
  }
  return std::nullopt;
}

std::string render_list(const TenantId& tenant, const std::vector<OutboxEntry>& entries) {
  Json list = Json::array();
  std::size_t size = 0;
  for (const OutboxEntry& entry : entries) {
    Json summary = summary_of(tenant, entry);
    size += dump_json(summary).size() + 1;
    if (size > kMaxAnswer) {
      break;
    }
    list.push_back(std::move(summary));
  }
  return dump_json(Json{{"entries", std::move(list)}});
}

}  // namespace

void Service::list_outbox(const ControlRequest& request, const Json& body) {
  const Result<Place*> place = find_place(body);
  if (place.has_error()) {
    request.refuse(place.error());
    return;
  }
  OutboxQuery query;
  query.state = state_in(body);
  query.after = static_cast<std::uint64_t>(std::max<std::int64_t>(integer_or(body, "after", 0), 0));
  query.limit = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(integer_or(body, "limit", kDefaultEntries), 1, kMaxEntries));
  const TenantId tenant = (*place)->host->config().tenant;
  (*place)->host->store().list_outbox(
      query, [request, tenant](const Result<std::vector<OutboxEntry>>& entries) {
        if (entries.has_error()) {
          request.refuse(entries.error());
          return;
        }
        request.answer(control::reply::kOk, render_list(tenant, *entries));
      });
}

void Service::show_outbox(const ControlRequest& request, const Json& body) {
  const Result<Place*> place = find_place(body);
  const Result<std::uint64_t> number = entry_number(body);
  if (place.has_error() || number.has_error()) {
    request.refuse(place.has_error() ? place.error() : number.error());
    return;
  }
  const TenantId tenant = (*place)->host->config().tenant;
  (*place)->host->store().find_outbox(
      *number, [request, tenant](const Result<std::optional<OutboxEntry>>& entry) {
        if (entry.has_error()) {
          request.refuse(entry.error());
        } else if (!*entry) {
          request.refuse(
              Error(ErrorCode::kNotFound, "cannot find the entry: it was delivered or dropped"));
        } else {
          request.answer(control::reply::kOk, dump_json(Json{{"entry", whole(tenant, **entry)}}));
        }
      });
}

void Service::change_outbox(const ControlRequest& request, const Json& body) {
  const Result<Place*> place = find_place(body);
  if (place.has_error()) {
    request.refuse(place.error());
    return;
  }
  Outbox& outbox = (*place)->host->outbox();
  if (!body.contains("entry") && request.type() == control::request::kRetryOutbox) {
    outbox.retry_dead([request](const Result<std::uint64_t>& count) {
      if (count.has_error()) {
        request.refuse(count.error());
        return;
      }
      request.answer(control::reply::kOk, dump_json(Json{{"retried", *count}}));
    });
    return;
  }
  const Result<std::uint64_t> number = entry_number(body);
  if (number.has_error()) {
    request.refuse(number.error());
    return;
  }
  const auto done = [request,
                     tenant = (*place)->host->config().tenant](const Result<OutboxEntry>& entry) {
    if (entry.has_error()) {
      request.refuse(entry.error());
      return;
    }
    request.answer(control::reply::kOk, dump_json(Json{{"entry", summary_of(tenant, *entry)}}));
  };
  if (request.type() == control::request::kRetryOutbox) {
    outbox.retry(*number, done);
  } else {
    outbox.drop(*number, done);
  }
}

}  // namespace voicectl::runtime
