// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/json.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/model/names.h"
#include "provisioner/model/policy_text.h"
#include "provisioner/model/yaml_text.h"

namespace voicectl {
namespace {

/// What every tenant says.
constexpr const char* kRequired[] = {"slug", "name", "business_type"};

std::string clock_time(std::uint16_t minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

Json json_of(const OpeningHours& hours) {
  Json out = Json::object();
  for (const NamedValue<Weekday>& day : named_values<Weekday>()) {
    Json spans = Json::array();
    if (const auto found = hours.find(day.value); found != hours.end()) {
      for (const OpeningSpan span : found->second) {
        spans.push_back(clock_time(span.open) + "-" + clock_time(span.close));
      }
    }
    out[std::string(day.name)] = std::move(spans);
  }
  return out;
}

Json json_of(const MenuItem& item) {
  return {{"name", item.name},
          {"category", item.category},
          {"price", item.price.str()},
          {"prep_time", item.prep_time},
          {"description", item.description},
          {"voice_keywords", item.voice_keywords},
          {"customizable", item.customizable}};
}

Json json_of(const ServiceItem& item) {
  return {{"name", item.name},
          {"category", item.category},
          {"price", item.price.str()},
          {"duration", item.duration},
          {"description", item.description},
          {"voice_keywords", item.voice_keywords},
          {"booking_lead_time_hours", item.booking_lead_time_hours}};
}

Json json_of(const SupportCategory& category) {
  return {{"name", category.name},
          {"priority", name_of(category.priority)},
          {"resolution_time", category.resolution_time},
          {"description", category.description},
          {"voice_keywords", category.voice_keywords}};
}

Json json_of(const StaffMember& member) {
  return {{"name", member.name},
          {"specialty", member.specialty},
          {"email", member.email},
          {"phone", member.phone}};
}

Json json_of(const KnowledgeArticle& article) {
  return {{"title", article.name}, {"category", article.category}, {"content", article.content}};
}

Json json_of(const TenantSpec& spec);

template <typename Item>
Json json_list(const std::vector<Item>& items) {
  Json out = Json::array();
  for (const Item& item : items) {
    out.push_back(json_of(item));
  }
  return out;
}

Json json_of(const TenantLimits& limits) {
  const auto or_null = [](std::optional<std::uint32_t> number) {
    return number ? Json(*number) : Json(nullptr);
  };
  return {{"concurrent_sessions", limits.concurrent_sessions},
          {"sessions_per_month", or_null(limits.sessions_per_month)},
          {"session_duration", limits.session_duration.count()},
          {"api_requests", or_null(limits.api_requests)},
          {"api_requests_per_key", or_null(limits.api_requests_per_key)},
          {"webhooks", or_null(limits.webhooks)},
          {"requests_in_flight", or_null(limits.requests_in_flight)},
          {"websockets", or_null(limits.websockets)}};
}

Json json_of(const RetentionSpec& retention) {
  return {{"session_days", retention.session_days},
          {"event_days", retention.event_days},
          {"webhook_days", retention.webhook_days}};
}

Json json_of(const Backend& backend) {
  return {{"kind", name_of(backend.kind)},  {"url", backend.url},
          {"company", backend.company},     {"credentials_file", backend.credentials_file},
          {"mode", name_of(backend.mode)},  {"site", backend.site},
          {"time_zone", backend.time_zone}, {"answer_within_ms", backend.answer_within.count()}};
}

Json json_of(const VoiceConfig& voice) {
  return {{"voice", voice.voice},
          {"language", voice.language},
          {"model", voice.model},
          {"greeting", voice.greeting},
          {"instructions", voice.instructions}};
}

Json json_of(const TenantSpec& spec) {
  Json domains = Json::array();
  for (const HostName& domain : spec.domains) {
    domains.push_back(domain.str());
  }
  Json out = {{"slug", spec.tenant.str()},
              {"name", spec.name},
              {"business_type", name_of(spec.business_type)},
              {"plan", name_of(spec.plan)},
              {"tier", name_of(spec.tier)},
              {"demo", spec.demo},
              {"protect", spec.protect},
              {"email", spec.email},
              {"phone", spec.phone},
              {"time_zone", spec.time_zone},
              {"domains", std::move(domains)},
              {"allowed_origins", spec.allowed_origins},
              {"limits", json_of(spec.limits)},
              {"retention", json_of(spec.retention)},
              {"backend", json_of(spec.backend)},
              {"voice", json_of(spec.voice)},
              {"opening_hours", json_of(spec.opening_hours)},
              {"menu", json_list(spec.menu)},
              {"services", json_list(spec.services)},
              {"support_categories", json_list(spec.support_categories)},
              {"staff", json_list(spec.staff)},
              {"knowledge_base", json_list(spec.knowledge_base)}};
  // Nobody writes it by hand.
  if (!spec.import_id.empty()) {
    out["import"] = spec.import_id;
  }
  return out;
}

Json json_of(const LoadMarks& marks) {
  Json out = {{"high_sessions", marks.high_sessions},
              {"low_sessions", marks.low_sessions},
              {"high_cpu", marks.high_cpu.count},
              {"low_cpu", marks.low_cpu.count},
              {"promote_after", marks.high_dwell.count()}};
  if (marks.p99_ms) {
    out["high_p99_ms"] = marks.p99_ms->high;
    out["low_p99_ms"] = marks.p99_ms->low;
  }
  if (marks.in_flight) {
    out["high_in_flight"] = marks.in_flight->high;
    out["low_in_flight"] = marks.in_flight->low;
  }
  return out;
}

Json json_of(const PromotionPolicy& policy) {
  return {{"mode", name_of(policy.mode)},
          {"demote_after", policy.low_dwell.count()},
          {"cooldown", policy.cooldown.count()},
          {"max_promoted", policy.max_promoted},
          {"moves_per_minute", policy.moves_per_minute},
          {"spare", policy.spare},
          {"reserve",
           {{"memory_mib", policy.reserve.memory.count >> 20}, {"cpu", policy.reserve.cpu.count}}},
          {"rebalance",
           {{"spread_cpu", policy.balance.spread.count}, {"after", policy.balance.dwell.count()}}},
          {"marks",
           {{"starter", json_of(policy.starter)},
            {"professional", json_of(policy.professional)},
            {"enterprise", json_of(policy.enterprise)}}}};
}

Json json_of(const RolloutSpec& spec) {
  Json canary = Json::array();
  for (const TenantId& tenant : spec.canary) {
    canary.push_back(tenant.str());
  }
  const auto or_null = [](std::optional<std::uint32_t> number) {
    return number ? Json(*number) : Json(nullptr);
  };
  return {{"canary", std::move(canary)},
          {"batch", or_null(spec.batch)},
          {"pause", spec.pause.count()},
          {"max_failures", or_null(spec.max_failures)}};
}

Json json_of(const std::vector<HookSpec>& hooks) {
  Json out = Json::array();
  for (const HookSpec& hook : hooks) {
    out.push_back({{"command", hook.command}, {"timeout", hook.timeout.count()}});
  }
  return out;
}

Json json_of(const HooksSpec& hooks) {
  return {{"before_apply", json_of(hooks.before_apply)},
          {"after_apply", json_of(hooks.after_apply)},
          {"before_promotion", json_of(hooks.before_promotion)},
          {"after_promotion", json_of(hooks.after_promotion)}};
}

Json json_of(const PlatformSpec& spec) {
  return {{"domain", spec.domain},
          {"edge",
           {{"mode", name_of(spec.edge.mode)},
            {"address", spec.edge.address},
            {"http_port", spec.edge.http_port},
            {"https_port", spec.edge.https_port},
            {"probe",
             {{"every", spec.edge.probe.interval.count()},
              {"misses", spec.edge.probe.misses},
              {"timeout", spec.edge.probe.timeout.count()}}}}},
          {"ports", {{"range", fmt::format("{}-{}", spec.first_port, spec.last_port)}}},
          {"state_directory", spec.state_directory},
          {"log_directory", spec.log_directory},
          {"pool", {{"size", spec.pool_size}}},
          {"monitor", json_of(spec.monitor)},
          {"liveness",
           {{"every", spec.liveness.interval.count()},
            {"misses", spec.liveness.misses},
            {"replace", spec.liveness.replaces},
            {"start_timeout", spec.liveness.start_timeout.count()}}},
          {"rollout", json_of(spec.rollout)},
          {"hooks", json_of(spec.hooks)},
          {"store",
           {{"kind", name_of(spec.store.kind)},
            {"redis_url", spec.store.redis_url},
            {"password_file", spec.store.password_file}}},
          {"backend_networks", spec.backend_networks},
          {"ultravox",
           {{"endpoint", spec.ultravox.endpoint},
            {"api_key_file", spec.ultravox.api_key_file},
            {"webhook_base", spec.ultravox.webhook_base}}}};
}

Json json_of(const DesiredState& state) {
  return {{"apiVersion", kApiVersion},
          {"platform", json_of(state.platform)},
          {"tenants", json_list(state.tenants.get())}};
}

/// Takes out what `named` does not name; true if nothing is left.
bool keep_named(Json& map, const std::string& path, const std::set<std::string>& named) {
  for (auto member = map.begin(); member != map.end();) {
    const std::string field = path.empty() ? member.key() : path + "." + member.key();
    const bool is_gone = member->is_object() && !is_one_field(field)
                             ? keep_named(*member, field, named)
                             : !named.contains(field);
    member = is_gone ? map.erase(member) : std::next(member);
  }
  return map.empty();
}

/// `value` without what is the same in `defaults`, at every depth of maps.
Json difference(const Json& value, const Json& defaults) {
  Json out = Json::object();
  for (const auto& [key, member] : value.items()) {
    const Json standard = defaults.value(key, Json());
    if (member == standard) {
      continue;
    }
    out[key] = member.is_object() && standard.is_object() ? difference(member, standard) : member;
  }
  return out;
}

Json differences(const Json& list, const Json& defaults) {
  Json out = Json::array();
  for (const Json& item : list) {
    out.push_back(difference(item, defaults));
  }
  return out;
}

/// A tenant as a person would write it: what says nothing is left out, what is required stays.
Json terse(const TenantSpec& spec) {
  const Json full = json_of(spec);
  Json out = difference(full, json_of(TenantSpec{.tenant = spec.tenant}));
  for (const char* const required : kRequired) {
    out[required] = full.at(required);
  }
  // A price of 0.00 is still required: the defaults to compare with have none.
  const std::pair<const char*, Json> lists[] = {{"menu", json_of(MenuItem{})},
                                                {"services", json_of(ServiceItem{})},
                                                {"support_categories", json_of(SupportCategory{})},
                                                {"staff", json_of(StaffMember{})},
                                                {"knowledge_base", json_of(KnowledgeArticle{})}};
  for (auto [key, defaults] : lists) {
    if (out.contains(key)) {
      defaults.erase("price");
      out[key] = differences(out.at(key), defaults);
    }
  }
  return out;
}

/// With a null for each mark that is not set, which else has no key.
Json full_json_of(const PlatformSpec& spec) {
  Json out = json_of(spec);
  for (Json& marks : out["monitor"]["marks"]) {
    for (const char* const mark :
         {"high_p99_ms", "low_p99_ms", "high_in_flight", "low_in_flight"}) {
      if (!marks.contains(mark)) {
        marks[mark] = nullptr;
      }
    }
  }
  return out;
}

}  // namespace

std::string render_desired_state(const DesiredState& state) {
  return dump_json(json_of(state));
}

std::string render_named_state(const DesiredState& state, const FieldNames& named) {
  const std::set<std::string> nothing;
  const auto named_of = [&](const std::string& part) -> const std::set<std::string>& {
    const auto found = named.find(part);
    return found == named.end() ? nothing : found->second;
  };
  Json out = json_of(state);
  keep_named(out["platform"], "", named_of(std::string(kPlatformPart)));
  for (Json& tenant : out["tenants"]) {
    const Json full = tenant;
    keep_named(tenant, "", named_of(string_or(full, "slug", "")));
    for (const char* const required : kRequired) {
      tenant[required] = full.at(required);
    }
  }
  return dump_json(out);
}

std::string render_tenant(const TenantSpec& tenant) {
  return dump_json(json_of(tenant));
}

std::string render_platform(const PlatformSpec& platform) {
  return dump_json(json_of(platform));
}

std::string render_policy_yaml(const PromotionPolicy& policy) {
  return render_yaml(Json{{"monitor", json_of(policy)}});
}

std::string render_policy_json(const PromotionPolicy& policy) {
  return dump_json(Json{{"monitor", json_of(policy)}});
}

std::string render_desired_state_yaml(const DesiredState& state) {
  Json out = {{"apiVersion", kApiVersion}};
  Json platform = difference(json_of(state.platform), json_of(PlatformSpec{}));
  if (!platform.empty()) {
    out["platform"] = std::move(platform);
  }
  Json tenants = Json::array();
  for (const TenantSpec& tenant : state.tenants) {
    tenants.push_back(terse(tenant));
  }
  if (!tenants.empty()) {
    out["tenants"] = std::move(tenants);
  }
  return render_yaml(out);
}

std::string render_full_state_yaml(const DesiredState& state) {
  Json out = json_of(state);
  out["platform"] = full_json_of(state.platform);
  return render_yaml(out);
}

}  // namespace voicectl
