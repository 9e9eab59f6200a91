// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/shared_copy.h"
#include "base/units.h"
#include "provisioner/model/hook_spec.h"
#include "provisioner/model/monitor_spec.h"
#include "provisioner/model/rollout_spec.h"

namespace voicectl {

/// The one value of `apiVersion` that this version reads and writes.
inline constexpr std::string_view kApiVersion = "voicectl/v1";

enum class BusinessType { kRestaurant, kAppointment, kSupport, kCustom };
enum class PricePlan { kStarter, kProfessional, kEnterprise };
/// Where a tenant runs: as the monitor decides, always in the pool, always alone.
enum class Tier { kAuto, kPooled, kDedicated };
enum class BackendKind { kBuiltin, kErpnext };
/// Who carries out the agent's tools: this platform, or the backend itself.
enum class BackendMode { kServed, kDirect };
/// kStatic: one server block per tenant. kDynamic: socket and certificate found by name, so that
/// no tenant event reloads nginx. kNone: no edge is run.
enum class EdgeMode { kDynamic, kStatic, kNone };
enum class SessionStoreKind { kEmbedded, kRedis };
enum class Weekday { kMonday, kTuesday, kWednesday, kThursday, kFriday, kSaturday, kSunday };

std::string_view name_of(BusinessType type);
std::string_view name_of(PricePlan plan);
std::string_view name_of(Tier tier);
std::string_view name_of(BackendKind kind);
std::string_view name_of(BackendMode mode);
std::string_view name_of(EdgeMode mode);
std::string_view name_of(SessionStoreKind kind);
std::string_view name_of(Weekday day);

/// An amount of money in cents, exact.
struct Money {
  std::int64_t cents = 0;
  /// "18.99".
  std::string str() const;
  /// Accepts "18.99", "18.9", "18": at most two decimals, not negative.
  static Result<Money> parse(std::string_view text);
  friend auto operator<=>(Money, Money) = default;
};

/// One span within a day, in minutes after midnight, `open` < `close` <= 1440.
struct OpeningSpan {
  std::uint16_t open = 0;
  std::uint16_t close = 0;
  friend bool operator==(const OpeningSpan&, const OpeningSpan&) = default;
};

/// Days that are absent are closed.
using OpeningHours = std::map<Weekday, std::vector<OpeningSpan>>;

struct MenuItem {
  std::string name{};
  std::string category{};
  Money price{};
  /// Minutes.
  std::uint32_t prep_time = 10;
  std::string description{};
  std::vector<std::string> voice_keywords{};
  bool customizable = false;
  friend bool operator==(const MenuItem&, const MenuItem&) = default;
};

struct ServiceItem {
  std::string name{};
  std::string category{};
  Money price{};
  /// Minutes.
  std::uint32_t duration = 30;
  std::string description{};
  std::vector<std::string> voice_keywords{};
  /// How long before its start a slot can be booked at the latest.
  std::uint32_t booking_lead_time_hours = 0;
  friend bool operator==(const ServiceItem&, const ServiceItem&) = default;
};

enum class Priority { kLow, kMedium, kHigh, kUrgent };
std::string_view name_of(Priority priority);

struct SupportCategory {
  std::string name{};
  Priority priority = Priority::kMedium;
  /// Minutes.
  std::uint32_t resolution_time = 240;
  std::string description{};
  std::vector<std::string> voice_keywords{};
  friend bool operator==(const SupportCategory&, const SupportCategory&) = default;
};

struct StaffMember {
  std::string name{};
  std::string specialty{};
  std::string email{};
  std::string phone{};
  friend bool operator==(const StaffMember&, const StaffMember&) = default;
};

/// What support staff know already; the agent may read it out.
struct KnowledgeArticle {
  /// Its title.
  std::string name{};
  /// Name of a support category; empty fits all.
  std::string category{};
  std::string content{};
  friend bool operator==(const KnowledgeArticle&, const KnowledgeArticle&) = default;
};

struct VoiceConfig {
  /// Ultravox voice id or name; empty takes the service's default.
  std::string voice{};
  /// BCP 47, such as "en" or "de-AT".
  std::string language = "en";
  std::string model{};
  std::string greeting{};
  /// Added to the instructions that voicectl writes for the business type.
  std::string instructions{};
  friend bool operator==(const VoiceConfig&, const VoiceConfig&) = default;
};

struct TenantLimits {
  /// Sessions that may be live at once.
  std::uint32_t concurrent_sessions = 50;
  /// Sessions per calendar month; absent takes the plan's figure (none for enterprise).
  std::optional<std::uint32_t> sessions_per_month{};
  /// Longest session.
  std::chrono::seconds session_duration{3600};
  /// What is let in within ten seconds: API requests of all callers, of one API key, and webhooks.
  /// Absent: what the runtime gives to a tenant of that many concurrent sessions.
  std::optional<std::uint32_t> api_requests{};
  std::optional<std::uint32_t> api_requests_per_key{};
  std::optional<std::uint32_t> webhooks{};
  /// Requests that are answered at a time.
  std::optional<std::uint32_t> requests_in_flight{};
  /// WebSockets that are open at a time.
  std::optional<std::uint32_t> websockets{};
  friend bool operator==(const TenantLimits&, const TenantLimits&) = default;
};

/// How many days of what is over are kept. Usage, records and customers are kept for good.
struct RetentionSpec {
  std::uint32_t session_days = 400;
  /// At most session_days.
  std::uint32_t event_days = 90;
  std::uint32_t webhook_days = 90;
  friend bool operator==(const RetentionSpec&, const RetentionSpec&) = default;
};

struct Backend {
  BackendKind kind = BackendKind::kBuiltin;
  /// erpnext: base address of the site, company, and the file that holds "<key>:<secret>".
  std::string url{};
  std::string company{};
  std::string credentials_file{};
  BackendMode mode = BackendMode::kServed;
  /// Name of the site behind the address; empty: it follows from the address.
  std::string site{};
  /// IANA name of the zone in which the site writes its dates; empty: the tenant's own.
  std::string time_zone{};
  /// How long an agent is kept waiting before it is given a promise. Below the time that the agent
  /// itself waits.
  std::chrono::milliseconds answer_within{2200};
  friend bool operator==(const Backend&, const Backend&) = default;
};

struct TenantSpec {
  TenantId tenant;
  std::string name{};
  BusinessType business_type = BusinessType::kCustom;
  PricePlan plan = PricePlan::kStarter;
  Tier tier = Tier::kAuto;
  /// The platform's own demo businesses may use the names reserved for them; no other tenant may.
  bool demo = false;
  /// It is not deleted, nor taken off an instance of its own, before this is false.
  bool protect = false;
  std::string email{};
  std::string phone{};
  /// IANA name, such as "America/New_York".
  std::string time_zone = "UTC";
  std::vector<HostName> domains{};
  /// Origins of pages elsewhere that may use the tenant's API: "https://shop.example.com".
  std::vector<std::string> allowed_origins{};
  TenantLimits limits{};
  RetentionSpec retention{};
  Backend backend{};
  VoiceConfig voice{};
  OpeningHours opening_hours{};
  std::vector<MenuItem> menu{};
  std::vector<ServiceItem> services{};
  std::vector<SupportCategory> support_categories{};
  std::vector<StaffMember> staff{};
  std::vector<KnowledgeArticle> knowledge_base{};
  /// The import that its data come from, as 'voicectl tenant import' names it; empty: it begins
  /// without data. Says nothing any more once the tenant has data.
  std::string import_id{};
  friend bool operator==(const TenantSpec&, const TenantSpec&) = default;
};

struct EdgeSpec {
  EdgeMode mode = EdgeMode::kDynamic;
  /// Address that nginx listens on, IPv4 or IPv6 literal.
  std::string address = "0.0.0.0";
  std::uint16_t http_port = 8080;
  std::uint16_t https_port = 8443;
  EdgeProbeSpec probe{};
  friend bool operator==(const EdgeSpec&, const EdgeSpec&) = default;
};

struct UltravoxSpec {
  /// Base address, as in "https://api.ultravox.ai/api".
  std::string endpoint = "https://api.ultravox.ai/api";
  /// File that holds the API key and nothing else. Never the key itself.
  std::string api_key_file{};
  /// Address at which Ultravox reaches this platform's webhooks. "{tenant}" stands for the slug.
  /// Empty: "https://{tenant}.<domain>" with the edge's port where it is not 443.
  std::string webhook_base{};
  friend bool operator==(const UltravoxSpec&, const UltravoxSpec&) = default;
};

struct StoreSpec {
  SessionStoreKind kind = SessionStoreKind::kEmbedded;
  std::string redis_url{};
  /// File that holds the password and nothing else. Empty: `keys/redis.password` in the daemon's
  /// state folder, if it is there.
  std::string password_file{};
  friend bool operator==(const StoreSpec&, const StoreSpec&) = default;
};

struct PlatformSpec {
  /// Tenants live at <slug>.<domain>.
  std::string domain = "voice.localhost";
  EdgeSpec edge{};
  /// Ports leased to tenants and instances. Outside the kernel's ephemeral range.
  std::uint16_t first_port = 21000;
  std::uint16_t last_port = 25999;
  /// Empty: the daemon's own folders.
  std::string state_directory{};
  std::string log_directory{};
  /// Shared instances in the pool.
  std::uint32_t pool_size = 1;
  StoreSpec store{};
  UltravoxSpec ultravox{};
  /// Networks besides the public ones in which tenants' backends may be: "10.0.0.0/8".
  std::vector<std::string> backend_networks{};
  PromotionPolicy monitor{};
  LivenessSpec liveness{};
  /// How applies take their tenants, unless who applies says otherwise.
  RolloutSpec rollout{};
  HooksSpec hooks{};
  friend bool operator==(const PlatformSpec&, const PlatformSpec&) = default;
};

/// What the YAML asks for, validated. Tenants are sorted by slug and unique; so are domains.
struct DesiredState {
  PlatformSpec platform{};
  SharedCopy<std::vector<TenantSpec>> tenants{};
  friend bool operator==(const DesiredState&, const DesiredState&) = default;
};

/// The tenant with that slug, or null. The pointer lives as long as `state`.
const TenantSpec* find_tenant(const DesiredState& state, const TenantId& tenant);

/// Sessions per month that a plan includes; nullopt is unlimited.
std::optional<std::uint32_t> monthly_sessions(PricePlan plan);

/// Sessions per month that the plan and the tenant's own limit allow; nullopt is unlimited.
std::optional<std::uint32_t> monthly_sessions(const TenantSpec& tenant);

/// Names that no tenant may take: the platform's own hosts and the mailbox names of RFC 2142.
bool is_reserved_name(std::string_view slug);
/// Reserved too, but for the platform's own demo businesses (`demo: true`).
bool is_demo_name(std::string_view slug);

}  // namespace voicectl
