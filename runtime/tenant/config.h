// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "runtime/backend/business.h"
#include "runtime/redis/redis_address.h"
#include "runtime/tenant/backend_config.h"

namespace voicectl::runtime {

/// What a key opens; a higher scope opens all that a lower one does.
enum class KeyScope { kWidget, kStaff, kAdmin };
std::string_view name_of(KeyScope scope);

struct ApiKey {
  std::string id;
  /// The key itself is kept nowhere.
  std::string sha256;
  KeyScope scope = KeyScope::kWidget;
  /// From then on it opens nothing.
  std::optional<WallTime> expires_at{};
  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

struct SessionLimits {
  /// Sessions that may be live at once.
  std::uint32_t concurrent = 50;
  /// Sessions per calendar month; absent means no limit.
  std::optional<std::uint64_t> per_month;
  std::chrono::seconds duration{3600};
};

/// How many requests are taken in ten seconds (kRateWindow), and how many at a time. The figures
/// that are not given follow from how many sessions may be live: the agents of more sessions call
/// more.
struct TrafficLimits {
  std::uint32_t api_requests = 1000;
  /// Of one API key, of all sessions' tokens together, and of all strangers together.
  std::uint32_t api_requests_per_key = 500;
  /// Events and tool calls.
  std::uint32_t webhooks = 100;
  /// Being answered at a time, of either kind.
  std::uint32_t in_flight = 100;
  /// WebSockets that are open at a time.
  std::uint32_t websockets = 1000;
  friend bool operator==(const TrafficLimits&, const TrafficLimits&) = default;
};

/// What a tenant with that many sessions at once gets: at least the figures above, and at least 20
/// API requests, 2 webhooks, 2 requests at a time and 4 WebSockets for each session. Pure.
TrafficLimits default_traffic(std::uint32_t concurrent_sessions);

/// How long what is over is kept. REQUIRES: events <= sessions, because events go first.
struct RetentionPeriods {
  std::chrono::days sessions{400};
  std::chrono::days events{90};
  /// As they came; what they brought about is kept with the session.
  std::chrono::days webhooks{90};
  friend bool operator==(const RetentionPeriods&, const RetentionPeriods&) = default;
};

struct VoiceSettings {
  std::string voice;
  std::string language = "en";
  std::string model;
  std::string greeting;
  std::string instructions;
};

struct UltravoxSettings {
  std::string endpoint = "https://api.ultravox.ai/api";
  std::string api_key_file;
  friend bool operator==(const UltravoxSettings&, const UltravoxSettings&) = default;
};

enum class StoreKind { kEmbedded, kRedis };

/// Where a tenant's sessions are kept.
struct StoreSettings {
  StoreKind kind = StoreKind::kEmbedded;
  /// For kRedis.
  RedisAddress redis;
  /// Tells this tenant from an earlier one of its name; empty: not told.
  std::string owner;
  friend bool operator==(const StoreSettings&, const StoreSettings&) = default;
};

/// What Ultravox signs its webhooks with: each call with the secret that was the newest when it was
/// made.
struct WebhookSecrets {
  /// Newest first. The first has no end; not empty.
  std::vector<Secret> all;
  /// From then on the secret of that place is none; in descending order.
  std::vector<WallTime> ends;

  const Secret& newest() const { return all.front(); }
  /// Those that are accepted at `now`.
  std::span<const Secret> at(WallTime now) const;
};

/// Everything that an instance is told about a tenant, checked.
struct TenantConfig {
  explicit TenantConfig(TenantId id) : tenant(std::move(id)) {}

  TenantId tenant;
  Generation generation;
  /// Address of the tenant for its customers, without a slash at the end.
  std::string base_url;
  /// Address under which Ultravox reaches us, without a slash at the end.
  std::string webhook_base;
  UltravoxSettings ultravox;
  WebhookSecrets webhook_secrets;
  /// Not empty.
  Secret tool_secret;
  /// The file that the keys are read from, again and again; empty: they stand in the configuration.
  std::string keys_file;
  std::vector<ApiKey> api_keys;
  Business business;
  SessionLimits limits;
  TrafficLimits traffic;
  RetentionPeriods retention;
  /// Further host names of the tenant.
  std::vector<std::string> domains;
  /// Origins of pages elsewhere that may use the API: "https://shop.example.com".
  std::vector<std::string> allowed_origins;
  VoiceSettings voice;
  BackendConfig backend;
  /// Where the backend may be; null (the file of an earlier daemon): anywhere.
  std::shared_ptr<const AddressPolicy> backend_addresses;
  StoreSettings store;
};

/// Reads the file that the daemon writes for a tenant: JSON of kind TenantConfig.
///
/// Unknown members are ignored and missing ones take their defaults, so that an instance and a
/// daemon of neighbouring versions understand each other.
/// ERRORS: kInvalidArgument, naming the member.
Result<TenantConfig> parse_tenant_config(std::string_view text);

/// Reads the file with the hashes of a tenant's API keys: JSON of kind TenantKeys.
/// ERRORS: kInvalidArgument, naming the member, also if the keys are another tenant's.
Result<std::vector<ApiKey>> parse_tenant_keys(std::string_view text, const TenantId& tenant);
/// Such a file for these keys.
std::string render_tenant_keys(const std::vector<ApiKey>& keys, const TenantId& tenant);

}  // namespace voicectl::runtime
