// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

/// The dedicated instance of a tenant is named "dedicated-<slug>", which has to be one label too.
constexpr std::size_t kLongestSlug = 63 - std::string_view("dedicated-").size();
constexpr std::int64_t kMostSessions = 100'000;
constexpr std::int64_t kMostMonthlySessions = 1'000'000'000;
/// Longest session: a day.
constexpr std::int64_t kLongestSession = 24L * 3600;
constexpr std::int64_t kMostRequests = 1'000'000'000;
constexpr std::size_t kMostDomains = 50;
constexpr std::size_t kMostOrigins = 50;
/// Bounds of what an agent may be kept waiting: the conversation stands still.
constexpr std::int64_t kShortestWait = 100;
constexpr std::int64_t kLongestWait = 9000;
constexpr std::size_t kLongestInstructions = 20'000;
constexpr TextRule kRequiredName{.least = 1, .most = 140};

/// A hundred years.
constexpr std::int64_t kMostDays = 36'500;

/// Stands for a slug that could not be read, so that the rest of its tenant is still checked.
TenantId unreadable_slug() {
  return *TenantId::parse("unreadable");
}

std::optional<TenantId> read_slug(const ValueReader& value) {
  const std::optional<std::string> text = value.text({.least = 1, .most = 200});
  if (!text) {
    return std::nullopt;
  }
  const Result<TenantId> slug = TenantId::parse(*text);
  if (slug.has_error()) {
    value.refuse_value(
        fmt::format("a name of 1 to {} lower-case letters, digits and inner '-', with no '--' in "
                    "its third and fourth place",
                    kLongestSlug));
    return std::nullopt;
  }
  if (text->size() > kLongestSlug) {
    value.refuse(
        fmt::format("found a name of {} characters; allowed are {}, so that "
                    "'dedicated-<slug>' can name its instance",
                    text->size(), kLongestSlug));
    return std::nullopt;
  }
  return *slug;
}

void check_reserved(const ValueReader& slug, const TenantSpec& spec) {
  const std::string& name = spec.tenant.str();
  if (is_reserved_name(name)) {
    slug.refuse(fmt::format("found '{}', which is reserved for the platform itself", name),
                "choose another name");
  } else if (is_demo_name(name) && !spec.demo) {
    slug.refuse(fmt::format("found '{}', which is reserved for the demo businesses", name),
                "choose another name, or add demo: true if this is the demo business");
  }
}

TenantLimits read_limits(const ValueReader& value) {
  MapReader map = value.map();
  TenantLimits limits;
  limits.concurrent_sessions =
      map.number("concurrent_sessions", 1, kMostSessions, limits.concurrent_sessions);
  limits.sessions_per_month = read_figure(map, "sessions_per_month", 0, kMostMonthlySessions);
  limits.api_requests = read_figure(map, "api_requests", 1, kMostRequests);
  limits.api_requests_per_key = read_figure(map, "api_requests_per_key", 1, kMostRequests);
  limits.webhooks = read_figure(map, "webhooks", 1, kMostRequests);
  limits.requests_in_flight = read_figure(map, "requests_in_flight", 1, kMostRequests);
  limits.websockets = read_figure(map, "websockets", 1, kMostRequests);
  limits.session_duration =
      map.seconds("session_duration", 1, kLongestSession, limits.session_duration);
  map.finish();
  return limits;
}

RetentionSpec read_retention(const ValueReader& value) {
  MapReader map = value.map();
  RetentionSpec kept;
  kept.session_days = map.number("session_days", 1, kMostDays, kept.session_days);
  // Who keeps sessions for a shorter time than events are usually kept means both.
  kept.event_days =
      map.number("event_days", 1, kMostDays, std::min(kept.event_days, kept.session_days));
  kept.webhook_days = map.number("webhook_days", 1, kMostDays, kept.webhook_days);
  if (kept.event_days > kept.session_days) {
    value.problems().add(
        map.spot_of("event_days")
            .problem(
                fmt::format(
                    "found {} days; events are kept at most as long as their sessions ({} days)",
                    kept.event_days, kept.session_days),
                "lower event_days or raise session_days"));
  }
  map.finish();
  return kept;
}

/// What only means something where there is a site.
void demand_site(const MapReader& map, const Backend& backend) {
  const auto refuse = [&map](std::string_view key, std::string_view found) {
    map.value().problems().add(map.spot_of(key).problem(
        fmt::format("found {}, which means nothing to the backend 'builtin'", found),
        fmt::format("remove {}, or take kind: erpnext", key)));
  };
  if (backend.mode == BackendMode::kDirect) {
    refuse("mode", "'direct'");
  }
  if (!backend.site.empty()) {
    refuse("site", fmt::format("'{}'", shown_text(backend.site)));
  }
  if (!backend.time_zone.empty()) {
    refuse("time_zone", fmt::format("'{}'", shown_text(backend.time_zone)));
  }
}

void read_site(MapReader& map, Backend& backend) {
  backend.mode = map.choice("mode", backend.mode);
  backend.site = map.text("site", {.form = TextForm::kSiteName, .most = 253}, "");
  backend.time_zone = map.text("time_zone", {.form = TextForm::kTimeZone}, "");
  backend.answer_within = std::chrono::milliseconds(
      map.number("answer_within_ms", kShortestWait, kLongestWait,
                 static_cast<std::uint32_t>(backend.answer_within.count())));
}

Backend read_backend(const ValueReader& value) {
  MapReader map = value.map();
  Backend backend;
  backend.kind = map.choice("kind", backend.kind);
  backend.url = map.text("url", {.form = TextForm::kHttpUrl, .most = 500}, "");
  backend.company = map.text("company", {.most = 140}, "");
  backend.credentials_file =
      resolve_path(value.spot().file,
                   map.text("credentials_file", {.form = TextForm::kFilePath, .most = 400}, ""));
  read_site(map, backend);
  if (backend.kind == BackendKind::kBuiltin) {
    demand_site(map, backend);
  }
  if (backend.kind == BackendKind::kErpnext) {
    for (const std::string_view key : {"url", "credentials_file"}) {
      if (map.is_blank(key)) {
        value.problems().add(
            map.spot_of(key).problem("found nothing here, which the backend 'erpnext' requires",
                                     fmt::format("add {}, or take kind: builtin", key)));
      }
    }
  }
  map.finish();
  return backend;
}

VoiceConfig read_voice(const ValueReader& value) {
  MapReader map = value.map();
  VoiceConfig voice;
  voice.voice = map.text("voice", {.most = 100}, voice.voice);
  voice.language = map.text("language", {.form = TextForm::kLanguage, .least = 1}, voice.language);
  voice.model = map.text("model", {.most = 100}, voice.model);
  voice.greeting = map.text("greeting", {.lines = Lines::kMany, .most = 2000}, voice.greeting);
  voice.instructions = map.text(
      "instructions", {.lines = Lines::kMany, .most = kLongestInstructions}, voice.instructions);
  map.finish();
  return voice;
}

void read_domains(MapReader& map, TenantDraft& draft) {
  const std::optional<ValueReader> list = map.find("domains");
  if (!list) {
    return;
  }
  const std::vector<ValueReader> items = list->items();
  if (items.size() > kMostDomains) {
    list->refuse(fmt::format("found {} domains; allowed are {}", items.size(), kMostDomains));
    return;
  }
  for (const ValueReader& item : items) {
    const std::optional<std::string> text = item.text({.least = 1, .most = 253});
    if (!text) {
      continue;
    }
    const Result<HostName> host = HostName::parse(*text);
    if (host.has_error()) {
      item.refuse_value(
          "a host name in lower case with at least two labels, such as "
          "'orders.example.com'");
      continue;
    }
    draft.spec.domains.push_back(*host);
    draft.domains.push_back(item.spot());
  }
}

void read_origins(MapReader& map, TenantSpec& spec) {
  spec.allowed_origins = map.texts("allowed_origins", {.form = TextForm::kOrigin, .least = 1});
  if (spec.allowed_origins.size() > kMostOrigins) {
    map.find("allowed_origins")
        ->refuse(fmt::format("found {} origins; allowed are {}", spec.allowed_origins.size(),
                             kMostOrigins));
  }
}

/// It becomes the name of a folder.
std::string read_import(MapReader& map) {
  const std::optional<ValueReader> value = map.find("import");
  const std::string id = map.text("import", {.most = 64}, "");
  const bool is_plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!is_plain) {
    value->refuse_value("what 'voicectl tenant import' has put there");
    return "";
  }
  return id;
}

void read_contact(MapReader& map, TenantSpec& spec) {
  spec.email = map.text("email", {.form = TextForm::kEmail, .most = 254}, "");
  spec.phone = map.text("phone", {.form = TextForm::kPhone}, "");
  spec.time_zone = map.text("time_zone", {.form = TextForm::kTimeZone, .least = 1}, spec.time_zone);
}

void read_parts(MapReader& map, TenantSpec& spec) {
  if (const std::optional<ValueReader> limits = map.find("limits")) {
    spec.limits = read_limits(*limits);
  }
  if (const std::optional<ValueReader> retention = map.find("retention")) {
    spec.retention = read_retention(*retention);
  }
  if (const std::optional<ValueReader> backend = map.find("backend")) {
    spec.backend = read_backend(*backend);
  }
  if (const std::optional<ValueReader> voice = map.find("voice")) {
    spec.voice = read_voice(*voice);
  }
  if (const std::optional<ValueReader> hours = map.find("opening_hours")) {
    spec.opening_hours = read_opening_hours(*hours);
  }
}

void demand(const MapReader& tenant, BusinessType type, std::string_view key, bool is_there) {
  if (!is_there) {
    tenant.value().problems().add(tenant.spot_of(key).problem(
        fmt::format("found nothing here, which the business type '{}' requires", name_of(type)),
        fmt::format("add {}", key)));
  }
}

void check_offer(const TenantSpec& spec, const MapReader& tenant) {
  switch (spec.business_type) {
    case BusinessType::kRestaurant:
      demand(tenant, spec.business_type, "menu", !spec.menu.empty());
      break;
    case BusinessType::kAppointment:
      demand(tenant, spec.business_type, "services", !spec.services.empty());
      demand(tenant, spec.business_type, "opening_hours", !spec.opening_hours.empty());
      break;
    case BusinessType::kSupport:
      demand(tenant, spec.business_type, "support_categories", !spec.support_categories.empty());
      break;
    case BusinessType::kCustom:
      break;
  }
}

void check_plan(const TenantSpec& spec, const MapReader& tenant) {
  const std::optional<std::uint32_t> of_plan = monthly_sessions(spec.plan);
  const std::optional<std::uint32_t> own = spec.limits.sessions_per_month;
  if (of_plan && own && *own > *of_plan) {
    tenant.value().problems().add(tenant.spot_of("limits").problem(
        fmt::format("found {} sessions per month; the plan '{}' includes {}", *own,
                    name_of(spec.plan), *of_plan),
        "lower limits.sessions_per_month or take a higher plan"));
  }
}

}  // namespace

TenantDraft read_tenant(const ValueReader& value, IncludedFiles& files) {
  MapReader map = value.map();
  const std::optional<ValueReader> slug = map.require("slug", "slug: my-business");
  const std::optional<TenantId> tenant = slug ? read_slug(*slug) : std::nullopt;
  TenantDraft draft{.spec = TenantSpec{.tenant = tenant.value_or(unreadable_slug())},
                    .slug = tenant ? std::optional(slug->spot()) : std::nullopt,
                    .domains = {},
                    .backend_url = value.spot()};
  TenantSpec& spec = draft.spec;
  if (const auto name = map.require("name", "name: My Business")) {
    spec.name = name->text(kRequiredName).value_or("");
  }
  if (const auto type = map.require("business_type",
                                    "business_type: restaurant (or appointment, "
                                    "support, custom)")) {
    spec.business_type = type->choice<BusinessType>().value_or(spec.business_type);
  }
  spec.plan = map.choice("plan", spec.plan);
  spec.tier = map.choice("tier", spec.tier);
  spec.demo = map.flag("demo", spec.demo);
  spec.protect = map.flag("protect", spec.protect);
  if (tenant) {
    check_reserved(*slug, spec);
  }
  read_contact(map, spec);
  read_domains(map, draft);
  read_origins(map, spec);
  const std::size_t before = value.problems().count();
  read_parts(map, spec);
  if (const std::optional<ValueReader> backend = map.find("backend");
      backend && backend->kind() == TreeNode::Kind::kMap) {
    draft.backend_url = backend->map().spot_of("url");
  }
  read_catalogue(map, files, spec);
  spec.import_id = read_import(map);
  // What could not be read is missing too, and was reported already.
  if (value.problems().count() == before) {
    check_offer(spec, map);
  }
  check_plan(spec, map);
  map.finish();
  return draft;
}

std::optional<std::uint32_t> read_figure(MapReader& map,
                                         std::string_view key,
                                         std::int64_t least,
                                         std::int64_t most) {
  const std::optional<ValueReader> value = map.find(key);
  if (!value || value->kind() == TreeNode::Kind::kNothing) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> number = value->whole_number(least, most);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

}  // namespace voicectl
