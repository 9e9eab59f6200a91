// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cli/output.h"
#include "cli/sparkline.h"

namespace voicectl {
namespace {

/// Looks that a sparkline shows.
constexpr std::size_t kHistory = 24;
/// A bar of full height is at least this: a tenth of a core, so that idling does not look busy.
constexpr double kLeastTop = 100;

double number_or_zero(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::optional<double> number_of(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

const Json& list_of(const Json& answer, std::string_view key) {
  static const Json none = Json::array();
  const auto found = answer.is_object() ? answer.find(key) : answer.end();
  return found != answer.end() && found->is_array() ? *found : none;
}

std::string percent(std::optional<double> milli_cores) {
  return milli_cores ? fmt::format("{:.1f}%", *milli_cores / 10) : "-";
}

std::string milliseconds(std::optional<double> length) {
  return !length          ? "-"
         : *length < 10   ? fmt::format("{:.1f}ms", *length)
         : *length < 10e3 ? fmt::format("{:.0f}ms", *length)
                          : fmt::format("{:.0f}s", *length / 1000);
}

/// At most `width` bytes of ASCII, what is cut ends with '~'.
std::string fitted(const std::string& text, std::size_t width) {
  const std::string safe = safe_for_terminal(text);
  return safe.size() <= width ? safe : safe.substr(0, width - 1) + "~";
}

std::string_view name_of(TopView::Sort sort) {
  switch (sort) {
    case TopView::Sort::kCpu:
      return "cpu";
    case TopView::Sort::kSessions:
      return "sessions";
    case TopView::Sort::kRequests:
      return "requests";
    case TopView::Sort::kLatency:
      return "latency";
    case TopView::Sort::kName:
      break;
  }
  return "name";
}

std::optional<TopView::Sort> sort_of(int key) {
  switch (key) {
    case 'c':
      return TopView::Sort::kCpu;
    case 's':
      return TopView::Sort::kSessions;
    case 'r':
      return TopView::Sort::kRequests;
    case 'l':
      return TopView::Sort::kLatency;
    case 'n':
      return TopView::Sort::kName;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string bars(const std::deque<std::optional<double>>& values, double least_top) {
  return sparkline({values.begin(), values.end()}, least_top);
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
  status_ = status;
  instances_ = instances;
  tenants_.clear();
  std::map<std::string, std::deque<std::optional<double>>> history;
  for (const Json& item : list_of(tenants, "tenants")) {
    Tenant tenant{.name = string_or(item, "tenant", "?"),
                  .tier = string_or(item, "tier", "?"),
                  .instance = string_or(item, "instance", "-"),
                  .is_promoted = item.value("promoted", false),
                  .sessions = number_or_zero(item, "sessions"),
                  .websockets = number_or_zero(item, "websockets"),
                  .requests = number_of(item, "requests_per_s"),
                  .cpu = number_of(item, "cpu_milli"),
                  .p99 = number_of(item, "p99_ms")};
    const auto known = history_.find(tenant.name);
    std::deque<std::optional<double>>& past = history[tenant.name] =
        known != history_.end() ? std::move(known->second) : before_;
    past.push_back(tenant.cpu.value_or(0));
    while (past.size() > kHistory) {
      past.pop_front();
    }
    tenants_.push_back(std::move(tenant));
  }
  history_ = std::move(history);
  before_.clear();
}

bool TopView::press(Key key) {
  if (is_typing_) {
    press_in_filter(key);
    return false;
  }
  if (const std::optional<Sort> sort = sort_of(key.code)) {
    sort_ = *sort;
  } else if (key.code == '/') {
    is_typing_ = true;
    filter_.clear();
  } else if (key.code == Key::kDown && first_ + 1 < chosen().size()) {
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

std::vector<const TopView::Tenant*> TopView::chosen() const {
  std::vector<const Tenant*> out;
  for (const Tenant& tenant : tenants_) {
    if (tenant.name.find(filter_) != std::string::npos ||
        tenant.instance.find(filter_) != std::string::npos) {
      out.push_back(&tenant);
    }
  }
  const auto rank = [this](const Tenant* tenant) {
    const double load = sort_ == Sort::kCpu        ? tenant->cpu.value_or(0)
                        : sort_ == Sort::kSessions ? tenant->sessions
                        : sort_ == Sort::kRequests ? tenant->requests.value_or(0)
                        : sort_ == Sort::kLatency  ? tenant->p99.value_or(0)
                                                   : 0;
    return std::tuple(-load, tenant->name);
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const Tenant* a, const Tenant* b) { return rank(a) < rank(b); });
  return out;
}

ScreenLine TopView::title() const {
  if (!problem_.empty()) {
    return {safe_for_terminal("voicectl top   " + problem_), LineStyle::kBad};
  }
  const Json counts = status_.value("counts", Json::object());
  const Json platform = status_.value("platform", Json());
  const std::string domain =
      platform.is_object() ? string_or(platform, "domain", "") : "nothing applied yet";
  return {fmt::format("voicectl top   {}   {} tenants   {} instances   {} sessions   generation {}",
                      safe_for_terminal(domain), integer_or(counts, "tenants", 0),
                      integer_or(counts, "instances", 0), integer_or(counts, "sessions", 0),
                      integer_or(status_, "generation", 0)),
          LineStyle::kTitle};
}

ScreenLine TopView::help() const {
  if (is_typing_) {
    return {"filter: " + filter_ + "_   (Enter keeps it, Esc ends it)", LineStyle::kWarning};
  }
  return {
      fmt::format("sorted by {} (c cpu, s sessions, r requests, l latency, n name)   / filter{}   "
                  "arrows scroll   q quits",
                  name_of(sort_), filter_.empty() ? "" : " '" + filter_ + "'"),
      LineStyle::kFaint};
}

std::string TopView::sparkline(const std::string& tenant) const {
  const auto past = history_.find(tenant);
  return past == history_.end() ? "" : bars(past->second, kLeastTop);
}

std::string TopView::row_of(const Tenant& tenant) const {
  return fmt::format("{:<22} {:<10} {:<24} {:>8.0f} {:>7.0f} {:>8} {:>9} {:>7}  {}",
                     fitted(tenant.name, 22),
                     tenant.is_promoted ? "promoted" : fitted(tenant.tier, 10),
                     fitted(tenant.instance, 24), tenant.sessions, tenant.websockets,
                     tenant.requests ? fmt::format("{:.1f}", *tenant.requests) : "-",
                     milliseconds(tenant.p99), percent(tenant.cpu), sparkline(tenant.name));
}

std::vector<ScreenLine> TopView::tenant_lines() const {
  std::vector<ScreenLine> out;
  out.push_back(
      {fmt::format("{:<22} {:<10} {:<24} {:>8} {:>7} {:>8} {:>9} {:>7}  {}", "TENANT", "TIER",
                   "INSTANCE", "SESSIONS", "SOCKETS", "REQ/S", "P99", "CPU", "CPU LATELY"),
       LineStyle::kHeader});
  const std::vector<const Tenant*> shown = chosen();
  for (std::size_t i = std::min(first_, shown.size()); i < shown.size(); ++i) {
    out.push_back(
        {row_of(*shown[i]), shown[i]->is_promoted ? LineStyle::kWarning : LineStyle::kPlain});
  }
  if (shown.empty()) {
    out.push_back({filter_.empty() ? "There is no tenant." : "No tenant has that in its name.",
                   LineStyle::kFaint});
  }
  return out;
}

std::vector<ScreenLine> TopView::instance_lines() const {
  std::vector<ScreenLine> out;
  out.push_back(
      {fmt::format("{:<33} {:<10} {:<12} {:>8} {:>8} {:>9} {:>7} {:>10} {:>9}", "INSTANCE", "KIND",
                   "STATE", "TENANTS", "SESSIONS", "LOOP LAG", "CPU", "RSS", "UPTIME"),
       LineStyle::kHeader});
  for (const Json& item : list_of(instances_, "instances")) {
    const std::string state = string_or(item, "state", "?");
    const std::optional<double> cpu = number_of(item, "cpu_percent");
    out.push_back({fmt::format("{:<33} {:<10} {:<12} {:>8} {:>8} {:>9} {:>7} {:>10} {:>9}",
                               fitted(string_or(item, "instance", "?"), 33),
                               fitted(string_or(item, "kind", "?"), 10), fitted(state, 12),
                               integer_or(item, "tenants", 0), integer_or(item, "sessions", 0),
                               milliseconds(number_of(item, "loop_lag_ms")),
                               cpu ? fmt::format("{:.1f}%", *cpu) : "-",
                               bytes_cell(item, "rss_bytes"), seconds_cell(item, "uptime_s")),
                   state == "ready" ? LineStyle::kPlain : LineStyle::kBad});
  }
  return out;
}

std::vector<ScreenLine> TopView::lines(ScreenSize size) const {
  const std::vector<ScreenLine> instances = instance_lines();
  std::vector<ScreenLine> tenants = tenant_lines();
  // Title, help and an empty line above each table; a third of the screen at most for instances.
  const std::size_t most_instances = std::max<std::size_t>(2, size.lines / 3);
  const std::size_t below = std::min(instances.size(), most_instances);
  const std::size_t room = size.lines > below + 4 ? size.lines - below - 4 : 1;
  if (tenants.size() > room) {
    tenants.resize(room);
  }
  std::vector<ScreenLine> out = {title(), help(), {}};
  out.insert(out.end(), tenants.begin(), tenants.end());
  out.push_back({});
  out.insert(out.end(), instances.begin(), instances.begin() + static_cast<std::ptrdiff_t>(below));
  if (out.size() > size.lines) {
    out.resize(size.lines);
  }
  return out;
}

std::vector<ScreenLine> TopView::all_lines() const {
  std::vector<ScreenLine> out = {title(), {}};
  const std::vector<ScreenLine> tenants = tenant_lines();
  const std::vector<ScreenLine> instances = instance_lines();
  out.insert(out.end(), tenants.begin(), tenants.end());
  out.push_back({});
  out.insert(out.end(), instances.begin(), instances.end());
  return out;
}

}  // namespace voicectl
