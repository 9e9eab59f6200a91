// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cli/host_line.h"
#include "cli/output.h"
#include "cli/sparkline.h"

namespace voicectl {
namespace {

/// Looks that a sparkline shows, and the fewest that are worth a column.
constexpr std::size_t kHistory = 24;
constexpr std::size_t kLeastHistory = 10;
/// A bar of full height is at least this: a tenth of a core, so that idling does not look busy.
constexpr double kLeastTop = 100;
/// From then on the keys are explained.
constexpr std::size_t kWideHelp = 128;

/// A way to sort: its key on the keyboard, and the members that say how much a tenant or an
/// instance has of it. Empty: nothing of its own.
struct SortKind {
  TopView::Sort sort;
  std::string_view name;
  char key;
  std::string_view of_tenant;
  std::string_view of_instance;
};
constexpr std::array kSorts = {
    SortKind{TopView::Sort::kCpu, "cpu", 'c', "cpu_milli", "cpu_percent"},
    SortKind{TopView::Sort::kSessions, "sessions", 's', "sessions", "sessions"},
    SortKind{TopView::Sort::kRequests, "requests", 'r', "requests_per_s", ""},
    SortKind{TopView::Sort::kEvents, "events", 'e', "events_per_s", ""},
    SortKind{TopView::Sort::kLatency, "latency", 'l', "p99_ms", "loop_lag_ms"},
    SortKind{TopView::Sort::kMemory, "memory", 'm', "memory_bytes", "rss_bytes"},
    SortKind{TopView::Sort::kName, "name", 'n', "", ""}};

const SortKind& kind_of(TopView::Sort sort) {
  return *std::find_if(kSorts.begin(), kSorts.end(),
                       [&](const SortKind& kind) { return kind.sort == sort; });
}

double number_or_zero(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const Json& list_of(const Json& answer, std::string_view key) {
  static const Json none = Json::array();
  const auto found = answer.is_object() ? answer.find(key) : answer.end();
  return found != answer.end() && found->is_array() ? *found : none;
}

std::vector<Json> objects_of(const Json& answer, std::string_view key) {
  std::vector<Json> out;
  for (const Json& item : list_of(answer, key)) {
    if (item.is_object()) {
      out.push_back(item);
    }
  }
  return out;
}

bool has(const Json& item, std::string_view key, std::string_view text) {
  return string_or(item, key, "").find(text) != std::string::npos;
}

/// The most first; those that have as much by their names.
template <typename MuchOf>
std::vector<const Json*> sorted(std::vector<const Json*> items,
                                std::string_view name_key,
                                const MuchOf& much_of) {
  std::vector<std::tuple<double, std::string, const Json*>> ranked;
  ranked.reserve(items.size());
  for (const Json* const item : items) {
    ranked.emplace_back(-much_of(*item), string_or(*item, name_key, ""), item);
  }
  std::sort(ranked.begin(), ranked.end());
  std::transform(ranked.begin(), ranked.end(), items.begin(),
                 [](const auto& one) { return std::get<2>(one); });
  return items;
}

struct TitlePart {
  std::string text;
  /// Where there is no room, the highest goes first.
  int dispensable = 0;
};

std::string joined(const std::vector<TitlePart>& parts) {
  std::string out;
  for (const TitlePart& part : parts) {
    out += (out.empty() ? "" : "   ") + part.text;
  }
  return out;
}

}  // namespace

std::string bars(const std::deque<std::optional<double>>& values, double least_top) {
  return sparkline({values.begin(), values.end()}, least_top);
}

std::vector<std::string> TopView::sort_names() {
  std::vector<std::string> out;
  for (const SortKind& kind : kSorts) {
    out.emplace_back(kind.name);
  }
  return out;
}

std::optional<TopView::Sort> TopView::sort_named(std::string_view name) {
  for (const SortKind& kind : kSorts) {
    if (kind.name == name) {
      return kind.sort;
    }
  }
  return std::nullopt;
}

void TopView::begin_with(const Json& recent) {
  const auto tenants = recent.is_object() ? recent.find("tenants") : recent.end();
  before_.clear();
  for (const Json& watched : list_of(recent, "watched_s")) {
    const bool is_known = watched.is_number() && watched.get<double>() > 0;
    before_.push_back(is_known ? std::optional(0.0) : std::nullopt);
  }
  before_.resize(std::min(before_.size(), kHistory - 1));
  if (tenants == recent.end() || !tenants->is_object()) {
    return;
  }
  for (const auto& [tenant, minutes] : tenants->items()) {
    std::deque<std::optional<double>>& past = history_[tenant] = before_;
    for (std::size_t i = 0; minutes.is_array() && i < std::min(past.size(), minutes.size()); ++i) {
      past[i] = past[i] && minutes[i].is_number() ? minutes[i].get<double>() : past[i];
    }
  }
}

void TopView::take(const Json& status, const Json& tenants, const Json& instances) {
  problem_.clear();
  status_ = std::make_shared<const Json>(status.is_object() ? status : Json::object());
  instances_ = objects_of(instances, "instances");
  tenants_ = objects_of(tenants, "tenants");
  std::map<std::string, std::deque<std::optional<double>>> history;
  for (const Json& tenant : tenants_) {
    const std::string name = string_or(tenant, "tenant", "?");
    const auto known = history_.find(name);
    std::deque<std::optional<double>>& past = history[name] =
        known != history_.end() ? std::move(known->second) : before_;
    past.push_back(number_or_zero(tenant, "cpu_milli"));
    while (past.size() > kHistory) {
      past.pop_front();
    }
  }
  history_ = std::move(history);
  before_.clear();
}

bool TopView::press(Key key) {
  if (is_typing_) {
    press_in_filter(key);
    return false;
  }
  const auto sort = std::find_if(kSorts.begin(), kSorts.end(),
                                 [&](const SortKind& kind) { return kind.key == key.code; });
  if (sort != kSorts.end()) {
    sort_ = sort->sort;
  } else if (key.code == '/') {
    is_typing_ = true;
    filter_.clear();
  } else if (key.code == Key::kDown && first_ + 1 < chosen_tenants().size()) {
    ++first_;
  } else if (key.code == Key::kUp && first_ > 0) {
    --first_;
  }
  return key.code == 'q';
}

void TopView::press_in_filter(Key key) {
  first_ = 0;
  if (key.code == Key::kEnter) {
    is_typing_ = false;
  } else if (key.code == Key::kEscape) {
    is_typing_ = false;
    filter_.clear();
  } else if (key.code == Key::kBackspace) {
    if (!filter_.empty()) {
      filter_.pop_back();
    }
  } else if (key.code >= ' ' && key.code < 0x7f) {
    filter_ += static_cast<char>(key.code);
  }
}

bool TopView::is_chosen_tenant(const Json& tenant) const {
  return has(tenant, "tenant", filter_) || has(tenant, "instance", filter_);
}

bool TopView::is_chosen_instance(const Json& instance) const {
  const Json& tenants = list_of(instance, "tenant_names");
  return has(instance, "instance", filter_) ||
         std::any_of(tenants.begin(), tenants.end(), [&](const Json& name) {
           return name.is_string() && name.get<std::string>().find(filter_) != std::string::npos;
         });
}

TopView::Items TopView::chosen_tenants() const {
  Items out;
  for (const Json& tenant : tenants_) {
    if (is_chosen_tenant(tenant)) {
      out.push_back(&tenant);
    }
  }
  const std::string_view key = kind_of(sort_).of_tenant;
  return sorted(std::move(out), "tenant",
                [&](const Json& tenant) { return key.empty() ? 0 : number_or_zero(tenant, key); });
}

TopView::Items TopView::chosen_instances() const {
  Items out;
  for (const Json& instance : instances_) {
    if (is_chosen_instance(instance)) {
      out.push_back(&instance);
    }
  }
  const SortKind& kind = kind_of(sort_);
  return sorted(std::move(out), "instance", [&](const Json& instance) {
    return !kind.of_instance.empty() ? number_or_zero(instance, kind.of_instance)
           : kind.of_tenant.empty()
               ? 0
               : sum_of_tenants(string_or(instance, "instance", ""), kind.of_tenant);
  });
}

double TopView::sum_of_tenants(std::string_view instance, std::string_view key) const {
  double sum = 0;
  for (const Json& tenant : tenants_) {
    sum += string_or(tenant, "instance", "") == instance ? number_or_zero(tenant, key) : 0;
  }
  return sum;
}

ScreenLine TopView::title(std::size_t columns) const {
  if (!problem_.empty()) {
    return {safe_for_terminal("voicectl top   " + problem_), LineStyle::kBad};
  }
  static const Json none = Json::object();
  const Json& status = status_ ? *status_ : none;
  const Json counts = status.value("counts", none);
  const Json platform = status.value("platform", Json());
  const std::string domain =
      platform.is_object() ? string_or(platform, "domain", "") : "nothing applied yet";
  const auto counted = [&](const Json& object, const std::string& key) {
    return fmt::format("{} {}", integer_or(object, key, 0), key);
  };
  std::vector<TitlePart> parts = {{"voicectl top"},
                                  {safe_for_terminal(domain), 3},
                                  {counted(counts, "tenants"), 2},
                                  {counted(counts, "instances"), 4},
                                  {counted(counts, "sessions"), 1}};
  for (const std::string& part : short_host_parts(status)) {
    parts.push_back({part});
  }
  parts.push_back({fmt::format("generation {}", integer_or(status, "generation", 0)), 5});
  const auto most = [&] {
    return std::max_element(parts.begin(), parts.end(), [](const TitlePart& a, const TitlePart& b) {
      return a.dispensable < b.dispensable;
    });
  };
  while (joined(parts).size() > columns && most()->dispensable > 0) {
    parts.erase(most());
  }
  return {joined(parts), LineStyle::kTitle};
}

ScreenLine TopView::help(std::size_t columns) const {
  if (is_typing_) {
    return {"filter: " + filter_ + "_   (Enter keeps it, Esc ends it)", LineStyle::kWarning};
  }
  const std::string filter = filter_.empty() ? "" : " '" + safe_for_terminal(filter_) + "'";
  std::string keys;
  for (const SortKind& kind : kSorts) {
    keys += columns < kWideHelp
                ? fmt::format("{}", kind.key)
                : fmt::format("{}{} {}", keys.empty() ? "" : ", ", kind.key, kind.name);
  }
  return {columns < kWideHelp
              ? fmt::format("q quits   by {} ({})   / filter{}", kind_of(sort_).name, keys, filter)
              : fmt::format("sorted by {} ({})   / filter{}   arrows scroll   q quits",
                            kind_of(sort_).name, keys, filter),
          LineStyle::kFaint};
}

std::string TopView::sparkline_of(const std::string& tenant, std::size_t columns) const {
  const auto past = history_.find(tenant);
  if (past == history_.end()) {
    return "";
  }
  const std::size_t shown = std::min(columns, past->second.size());
  return bars({past->second.end() - static_cast<std::ptrdiff_t>(shown), past->second.end()},
              kLeastTop);
}

std::vector<ScreenLine> TopView::tenant_lines(std::size_t columns) const {
  const std::vector<TopColumn> table = tenant_columns(columns);
  const std::size_t left = columns - std::min(columns, width_of(table) + 2);
  const bool has_line = left >= kLeastHistory;
  std::vector<ScreenLine> out;
  out.push_back({header_of(table) + (has_line ? "  CPU LATELY" : ""), LineStyle::kHeader});
  const Items shown = chosen_tenants();
  for (std::size_t i = std::min(first_, shown.size()); i < shown.size(); ++i) {
    const Json& tenant = *shown[i];
    out.push_back(
        {row_of(table, tenant) +
             (has_line ? "  " + sparkline_of(string_or(tenant, "tenant", "?"), left) : ""),
         tenant.value("promoted", false) ? LineStyle::kWarning : LineStyle::kPlain});
  }
  if (shown.empty()) {
    out.push_back({filter_.empty() ? "There is no tenant." : "No tenant has that in its name.",
                   LineStyle::kFaint});
  }
  return out;
}

std::vector<ScreenLine> TopView::instance_lines(std::size_t columns) const {
  const std::vector<TopColumn> table = instance_columns(columns);
  std::vector<ScreenLine> out;
  out.push_back({header_of(table), LineStyle::kHeader});
  for (const Json* const instance : chosen_instances()) {
    out.push_back({row_of(table, *instance), string_or(*instance, "state", "?") == "ready"
                                                 ? LineStyle::kPlain
                                                 : LineStyle::kBad});
  }
  if (out.size() == 1 && !filter_.empty()) {
    out.push_back({"No instance has that in its name.", LineStyle::kFaint});
  }
  return out;
}

std::vector<ScreenLine> TopView::lines(ScreenSize size) const {
  const std::vector<ScreenLine> instances = instance_lines(size.columns);
  std::vector<ScreenLine> tenants = tenant_lines(size.columns);
  // Title, help and an empty line above each table; a third of the screen at most for instances.
  const std::size_t most_instances = std::max<std::size_t>(2, size.lines / 3);
  const std::size_t below = std::min(instances.size(), most_instances);
  const std::size_t room = size.lines > below + 4 ? size.lines - below - 4 : 1;
  if (tenants.size() > room) {
    tenants.resize(room);
  }
  std::vector<ScreenLine> out = {title(size.columns), help(size.columns), {}};
  out.insert(out.end(), tenants.begin(), tenants.end());
  out.push_back({});
  out.insert(out.end(), instances.begin(), instances.begin() + static_cast<std::ptrdiff_t>(below));
  if (out.size() > size.lines) {
    out.resize(size.lines);
  }
  for (ScreenLine& line : out) {
    line.text = cut_to_columns(line.text, size.columns);
  }
  return out;
}

std::vector<ScreenLine> TopView::all_lines() const {
  std::vector<ScreenLine> out = {title(kNoEdge), {}};
  const std::vector<ScreenLine> tenants = tenant_lines(kNoEdge);
  const std::vector<ScreenLine> instances = instance_lines(kNoEdge);
  out.insert(out.end(), tenants.begin(), tenants.end());
  out.push_back({});
  out.insert(out.end(), instances.begin(), instances.end());
  return out;
}

Json TopView::document() const {
  Json tenants = Json::array();
  for (const Json* const tenant : chosen_tenants()) {
    tenants.push_back(*tenant);
  }
  Json instances = Json::array();
  for (const Json* const instance : chosen_instances()) {
    instances.push_back(*instance);
  }
  return {{"status", status_ ? *status_ : Json()},
          {"tenants", std::move(tenants)},
          {"instances", std::move(instances)}};
}

}  // namespace voicectl
