// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/webhook_book.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "runtime/ultravox/stand_in/json_member.h"

namespace voicectl::ultravox {
namespace {

constexpr std::size_t kMaxUrl = 200;
constexpr std::size_t kSecretLength = 32;

Error refused(std::string_view what) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("cannot add this webhook: {}", what));
}

bool is_event(const Json& name) {
  constexpr std::array kEvents = {"call.started", "call.joined", "call.ended", "call.billed"};
  return std::any_of(kEvents.begin(), kEvents.end(),
                     [&](const char* event) { return name == event; });
}

Result<std::set<std::string>> read_events(const Json& body) {
  const Json& events = member_or_null(body, "events");
  std::set<std::string> out;
  if (!events.is_array() || events.empty()) {
    return refused("'events' must be a list of events");
  }
  for (const Json& event : events) {
    if (!is_event(event)) {
      return refused(fmt::format("{} is no event", dump_json(event)));
    }
    out.insert(event.get<std::string>());
  }
  return out;
}

}  // namespace

std::string make_uuid(Random& random) {
  const std::uint64_t high = (random.next() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random.next() & ~(3ULL << 62)) | (2ULL << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffffULL);
}

Result<WebhookBook::Webhook> WebhookBook::add(const Json& body, WallTime now, Random& random) {
  Webhook webhook;
  webhook.target.url = string_or(body, "url", "");
  const std::string& url = webhook.target.url;
  if (url.size() > kMaxUrl || !(url.starts_with("http://") || url.starts_with("https://"))) {
    return refused(fmt::format("'url' must be http or https and at most {} long", kMaxUrl));
  }
  VC_TRY(webhook.events, read_events(body));
  for (const Json& secret : member_or_null(body, "secrets")) {
    if (!secret.is_string()) {
      return refused("'secrets' must be texts");
    }
    webhook.target.secrets.emplace_back(secret.get<std::string>());
  }
  if (webhook.target.secrets.empty()) {
    webhook.target.secrets.emplace_back(random.token(kSecretLength));
  }
  webhook.webhook_id = make_uuid(random);
  webhook.created = now;
  return webhooks_[webhook.webhook_id] = webhook;
}

const WebhookBook::Webhook* WebhookBook::find(const std::string& webhook_id) const {
  const auto found = webhooks_.find(webhook_id);
  return found == webhooks_.end() ? nullptr : &found->second;
}

bool WebhookBook::remove(const std::string& webhook_id) {
  return webhooks_.erase(webhook_id) != 0;
}

std::vector<Callback> WebhookBook::targets(std::string_view event) const {
  std::vector<Callback> out;
  for (const auto& [id, webhook] : webhooks_) {
    if (webhook.events.contains(std::string(event))) {
      out.push_back(webhook.target);
    }
  }
  return out;
}

std::string render_webhook(const WebhookBook::Webhook& webhook) {
  Json secrets = Json::array();
  for (const Secret& secret : webhook.target.secrets) {
    secrets.push_back(secret.reveal());
  }
  return dump_json({{"webhookId", webhook.webhook_id},
                    {"created", format_wall_time(webhook.created)},
                    {"url", webhook.target.url},
                    {"events", webhook.events},
                    {"secrets", std::move(secrets)},
                    {"agentId", nullptr},
                    {"status", "normal"},
                    {"lastStatusChange", nullptr},
                    {"recentFailures", Json::array()}});
}

}  // namespace voicectl::ultravox
