// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/desired_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "provisioner/model/names.h"

namespace voicectl {
namespace {

constexpr std::array kBusinessTypes = {
    NamedValue<BusinessType>{BusinessType::kRestaurant, "restaurant"},
    NamedValue<BusinessType>{BusinessType::kAppointment, "appointment"},
    NamedValue<BusinessType>{BusinessType::kSupport, "support"},
    NamedValue<BusinessType>{BusinessType::kCustom, "custom"},
};
constexpr std::array kPricePlans = {
    NamedValue<PricePlan>{PricePlan::kStarter, "starter"},
    NamedValue<PricePlan>{PricePlan::kProfessional, "professional"},
    NamedValue<PricePlan>{PricePlan::kEnterprise, "enterprise"},
};
constexpr std::array kTiers = {
    NamedValue<Tier>{Tier::kAuto, "auto"},
    NamedValue<Tier>{Tier::kPooled, "pooled"},
    NamedValue<Tier>{Tier::kDedicated, "dedicated"},
};
constexpr std::array kBackendKinds = {
    NamedValue<BackendKind>{BackendKind::kBuiltin, "builtin"},
    NamedValue<BackendKind>{BackendKind::kErpnext, "erpnext"},
};
constexpr std::array kBackendModes = {
    NamedValue<BackendMode>{BackendMode::kServed, "served"},
    NamedValue<BackendMode>{BackendMode::kDirect, "direct"},
};
constexpr std::array kEdgeModes = {
    NamedValue<EdgeMode>{EdgeMode::kDynamic, "dynamic"},
    NamedValue<EdgeMode>{EdgeMode::kStatic, "static"},
    NamedValue<EdgeMode>{EdgeMode::kNone, "none"},
};
constexpr std::array kSessionStoreKinds = {
    NamedValue<SessionStoreKind>{SessionStoreKind::kEmbedded, "embedded"},
    NamedValue<SessionStoreKind>{SessionStoreKind::kRedis, "redis"},
};
constexpr std::array kPromotionModes = {
    NamedValue<PromotionMode>{PromotionMode::kOff, "off"},
    NamedValue<PromotionMode>{PromotionMode::kObserve, "observe"},
    NamedValue<PromotionMode>{PromotionMode::kOn, "on"},
};
constexpr std::array kWeekdays = {
    NamedValue<Weekday>{Weekday::kMonday, "monday"},
    NamedValue<Weekday>{Weekday::kTuesday, "tuesday"},
    NamedValue<Weekday>{Weekday::kWednesday, "wednesday"},
    NamedValue<Weekday>{Weekday::kThursday, "thursday"},
    NamedValue<Weekday>{Weekday::kFriday, "friday"},
    NamedValue<Weekday>{Weekday::kSaturday, "saturday"},
    NamedValue<Weekday>{Weekday::kSunday, "sunday"},
};
constexpr std::array kPriorities = {
    NamedValue<Priority>{Priority::kLow, "low"},
    NamedValue<Priority>{Priority::kMedium, "medium"},
    NamedValue<Priority>{Priority::kHigh, "high"},
    NamedValue<Priority>{Priority::kUrgent, "urgent"},
};

/// Hosts of the platform itself, of its mail and name service, and names that browsers and mail
/// programs look up by themselves.
constexpr std::array<std::string_view, 24> kPlatformNames = {
    "admin",  "api",       "autoconfig", "autodiscover", "dns",     "docs",  "erp",  "imap",
    "isatap", "localhost", "mail",       "mcp",          "metrics", "mx",    "ns",   "pop",
    "portal", "root",      "smtp",       "staff",        "status",  "voice", "wpad", "www",
};
/// RFC 2142. "support" is one of them too, and stands among the demo names.
constexpr std::array<std::string_view, 13> kMailboxNames = {
    "abuse",      "ftp",   "hostmaster", "info",   "marketing", "news",      "noc",
    "postmaster", "sales", "security",   "usenet", "uucp",      "webmaster",
};
constexpr std::array<std::string_view, 6> kDemoNames = {
    "dr-smith", "mario-pizza", "medical", "restaurant", "support", "techsupport",
};

template <typename E>
std::string_view name_in_table(E value) {
  return named_values<E>()[static_cast<std::size_t>(value)].name;
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Error not_money(std::string_view text) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot read '{}' as an amount: write up to nine digits and at most two "
                           "decimals, such as '18.99'",
                           text.substr(0, 40)));
}

}  // namespace

template <>
std::span<const NamedValue<BusinessType>> named_values() {
  return kBusinessTypes;
}
template <>
std::span<const NamedValue<PricePlan>> named_values() {
  return kPricePlans;
}
template <>
std::span<const NamedValue<Tier>> named_values() {
  return kTiers;
}
template <>
std::span<const NamedValue<BackendKind>> named_values() {
  return kBackendKinds;
}
template <>
std::span<const NamedValue<BackendMode>> named_values() {
  return kBackendModes;
}
template <>
std::span<const NamedValue<EdgeMode>> named_values() {
  return kEdgeModes;
}
template <>
std::span<const NamedValue<SessionStoreKind>> named_values() {
  return kSessionStoreKinds;
}
template <>
std::span<const NamedValue<PromotionMode>> named_values() {
  return kPromotionModes;
}
template <>
std::span<const NamedValue<Weekday>> named_values() {
  return kWeekdays;
}
template <>
std::span<const NamedValue<Priority>> named_values() {
  return kPriorities;
}

std::string_view name_of(BusinessType type) {
  return name_in_table(type);
}
std::string_view name_of(PricePlan plan) {
  return name_in_table(plan);
}
std::string_view name_of(Tier tier) {
  return name_in_table(tier);
}
std::string_view name_of(BackendKind kind) {
  return name_in_table(kind);
}
std::string_view name_of(BackendMode mode) {
  return name_in_table(mode);
}
std::string_view name_of(EdgeMode mode) {
  return name_in_table(mode);
}
std::string_view name_of(SessionStoreKind kind) {
  return name_in_table(kind);
}
std::string_view name_of(PromotionMode mode) {
  return name_in_table(mode);
}
std::string_view name_of(Weekday day) {
  return name_in_table(day);
}
std::string_view name_of(Priority priority) {
  return name_in_table(priority);
}

std::string Money::str() const {
  return fmt::format("{}.{:02}", cents / 100, cents % 100);
}

Result<Money> Money::parse(std::string_view text) {
  constexpr std::size_t kMostDigits = 9;
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const bool has_dot = dot != std::string_view::npos;
  const std::string_view decimals = has_dot ? text.substr(dot + 1) : std::string_view();
  if (whole.empty() || whole.size() > kMostDigits || !is_digits(whole) || !is_digits(decimals) ||
      decimals.size() > 2 || (has_dot && decimals.empty()) ||
      (whole.size() > 1 && whole.front() == '0')) {
    return not_money(text);
  }
  std::int64_t units = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), units);
  std::int64_t hundredths = 0;
  std::from_chars(decimals.data(), decimals.data() + decimals.size(), hundredths);
  return Money{units * 100 + (decimals.size() == 1 ? hundredths * 10 : hundredths)};
}

const TenantSpec* find_tenant(const DesiredState& state, const TenantId& tenant) {
  const auto found =
      std::lower_bound(state.tenants.begin(), state.tenants.end(), tenant,
                       [](const TenantSpec& spec, const TenantId& id) { return spec.tenant < id; });
  return found != state.tenants.end() && found->tenant == tenant ? &*found : nullptr;
}

std::optional<std::uint32_t> monthly_sessions(PricePlan plan) {
  constexpr std::uint32_t kStarterSessions = 100;
  constexpr std::uint32_t kProfessionalSessions = 500;
  switch (plan) {
    case PricePlan::kStarter:
      return kStarterSessions;
    case PricePlan::kProfessional:
      return kProfessionalSessions;
    case PricePlan::kEnterprise:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> monthly_sessions(const TenantSpec& tenant) {
  const std::optional<std::uint32_t> of_plan = monthly_sessions(tenant.plan);
  const std::optional<std::uint32_t> own = tenant.limits.sessions_per_month;
  if (!of_plan || !own) {
    return of_plan ? of_plan : own;
  }
  return std::min(*of_plan, *own);
}

bool is_reserved_name(std::string_view slug) {
  const bool name_server = slug.starts_with("ns") && is_digits(slug.substr(2));
  return name_server || is_in(kPlatformNames, slug) || is_in(kMailboxNames, slug);
}

bool is_demo_name(std::string_view slug) {
  return is_in(kDemoNames, slug);
}

}  // namespace voicectl
