// SPDX-License-Identifier: Apache-2.0
#include "cli/effect_printer.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/units.h"

namespace voicectl {
namespace {

constexpr std::size_t kShownCases = 10;
constexpr std::size_t kShownNames = 8;

const Json& member(const Json& object, std::string_view key) {
  static const Json nothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : nothing;
}

std::int64_t number(const Json& object, std::string_view key) {
  return integer_or(object.is_object() ? object : Json::object(), key, 0);
}

std::string plural(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string time_text(std::int64_t microseconds) {
  return format_duration(std::chrono::microseconds(microseconds));
}

std::string estimate_text(const Json& estimate, std::string_view when_not_measured) {
  const std::int64_t measured = number(estimate, "measured");
  return fmt::format("about {}, at most {}", time_text(number(estimate, "typical_us")),
                     time_text(number(estimate, "at_most_us"))) +
         (measured == 0 ? fmt::format(" ({})", when_not_measured) : "");
}

std::string names_text(const std::vector<std::string>& names) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kShownNames));
  const std::string more =
      names.size() > kShownNames ? fmt::format(" and {} more", names.size() - kShownNames) : "";
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + shown, ", "), more);
}

/// Texts of a list, at most `most`, and how many more there are.
template <typename Text>
std::vector<std::string> cases_of(const Json& list, std::size_t most, const Text& text_of) {
  std::vector<std::string> out;
  for (const Json& each : list) {
    if (out.size() == most) {
      out.push_back(fmt::format("and {} more", list.size() - most));
      break;
    }
    out.push_back(safe_for_terminal(text_of(each)));
  }
  return out;
}

EffectLine processes_line(const Json& forecast) {
  std::vector<std::string> started;
  std::vector<std::string> stopped;
  for (const Json& process : member(forecast, "processes")) {
    const std::string replaces = safe_for_terminal(string_or(process, "replaces", ""));
    const std::string name = safe_for_terminal(string_or(process, "instance", "?")) +
                             (replaces.empty() ? "" : " in place of " + replaces);
    (string_or(process, "change", "") == "start" ? started : stopped).push_back(name);
  }
  std::string text;
  if (!started.empty()) {
    text = fmt::format("{} started ({})", started.size(), names_text(started));
  }
  if (!stopped.empty()) {
    text += fmt::format("{}{} stopped ({})", text.empty() ? "" : ", ", stopped.size(),
                        names_text(stopped));
  }
  if (const std::int64_t strays = number(forecast, "strays_ended"); strays > 0) {
    text += fmt::format("{}{} of nobody's ended by force", text.empty() ? "" : ", ", strays);
  }
  return {"processes", text.empty() ? "none started or stopped" : text};
}

std::string tenant_text(const Json& tenant) {
  const Json& sessions = member(tenant, "sessions");
  const std::string how_many =
      sessions.is_number_integer()
          ? fmt::format("{}, {}", plural(sessions.get<std::int64_t>(), "session", "sessions"),
                        plural(number(tenant, "websockets"), "WebSocket", "WebSockets"))
          : "sessions not known";
  const std::string to = string_or(tenant, "to", "");
  const std::string way =
      to.empty() ? "" : fmt::format(" from {} to {}", string_or(tenant, "from", "?"), to);
  return fmt::format("{}: {}{} ({}): {}", string_or(tenant, "tenant", "?"),
                     string_or(tenant, "fate", "?"), way, how_many, string_or(tenant, "why", ""));
}

EffectLine sessions_line(const Json& forecast, std::size_t most) {
  const Json& sessions = member(forecast, "sessions");
  const std::int64_t move = number(sessions, "move");
  const std::int64_t drain = number(sessions, "drain");
  const std::int64_t drop = number(sessions, "drop");
  std::string text = fmt::format("{} stay, {} move, {} drain, {} drop", number(sessions, "stay"),
                                 move, drain, drop);
  if (number(member(forecast, "counts"), "tenants_moved") > 0) {
    text += "; pause of a tenant that moves " +
            estimate_text(member(sessions, "pause"), "assumed: none was measured here yet");
  }
  if (drain > 0) {
    text += "; to drain within " +
            format_duration(std::chrono::seconds(number(member(forecast, "edge"), "linger_s")));
  }
  return {"sessions", text, drain > 0 || drop > 0,
          cases_of(member(sessions, "tenants"), most, tenant_text)};
}

EffectLine edge_line(const Json& forecast) {
  const std::int64_t reloads = number(member(forecast, "counts"), "edge_reloads");
  const std::int64_t stranded = number(member(forecast, "edge"), "websockets_stranded");
  if (reloads == 0) {
    return {"nginx", "no reload"};
  }
  const std::string strands =
      stranded == 0
          ? "no WebSocket is open"
          : fmt::format("each strands up to {}", plural(stranded, "WebSocket", "WebSockets"));
  return {"nginx", plural(reloads, "reload", "reloads") + ", " + strands, stranded > 0};
}

EffectLine certificates_line(const Json& forecast, std::size_t most) {
  const Json& certificates = member(forecast, "certificates");
  const Json& order = member(certificates, "order");
  if (!order.is_array() || order.empty()) {
    return {"certificates", "none to order"};
  }
  const Json& limit = member(certificates, "limit");
  const std::string bound =
      limit.is_number_integer()
          ? fmt::format("which gives {} in {} hours", limit.get<std::int64_t>(),
                        number(certificates, "limit_hours"))
          : "which has no limit";
  const auto name = [](const Json& each) {
    return each.is_string() ? each.get<std::string>() : "";
  };
  return {"certificates",
          fmt::format("{} to order from {}, {}", order.size(),
                      safe_for_terminal(string_or(certificates, "authority", "?")), bound),
          false, cases_of(order, most, name)};
}

std::string ports_text(const Json& leases) {
  std::vector<std::string> out;
  for (const Json& lease : leases) {
    out.push_back(std::to_string(number(lease, "port")));
  }
  return out.empty() ? "0" : fmt::format("{} ({})", out.size(), names_text(out));
}

EffectLine ports_line(const Json& forecast) {
  const Json& ports = member(forecast, "ports");
  return {"ports",
          fmt::format("{} bound, {} released; sockets: {} bound, {} released",
                      ports_text(member(ports, "bound")), ports_text(member(ports, "released")),
                      number(ports, "sockets_bound"), number(ports, "sockets_released"))};
}

std::string bytes_text(const Json& size) {
  return size.is_number_integer() ? Bytes{static_cast<std::uint64_t>(
                                              std::max<std::int64_t>(0, size.get<std::int64_t>()))}
                                        .str()
                                  : "not known";
}

std::string cpu_text(const Json& milli) {
  return milli.is_number_integer()
             ? fmt::format("{:.2f} cores", static_cast<double>(milli.get<std::int64_t>()) / 1000)
             : "not known";
}

/// "1 now, 2 in between, 3 afterwards", or once that nothing of it is known.
template <typename Text>
std::string course_text(const Json& values,
                        const std::vector<std::pair<std::string_view, std::string_view>>& moments,
                        const Text& text_of) {
  const bool is_known = std::any_of(moments.begin(), moments.end(), [&](const auto& moment) {
    return member(values, moment.first).is_number_integer();
  });
  if (!is_known) {
    return "not known";
  }
  std::vector<std::string> texts;
  for (const auto& [key, when] : moments) {
    texts.push_back(fmt::format("{} {}", text_of(member(values, key)), when));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

EffectLine resources_line(const Json& forecast) {
  const std::string memory =
      course_text(member(forecast, "memory_bytes"),
                  {{"before", "now"}, {"peak", "in between"}, {"after", "afterwards"}}, bytes_text);
  const std::string processor = course_text(member(forecast, "cpu_milli"),
                                            {{"before", "now"}, {"after", "afterwards"}}, cpu_text);
  return {"memory", fmt::format("{}; processor: {}", memory, processor)};
}

/// A rollback goes back to what was recorded, and brings no edit back.
bool repairs_an_edit(const Json& plan) {
  const Json& steps = member(plan, "steps");
  return steps.is_array() && std::any_of(steps.begin(), steps.end(), [](const Json& step) {
           return string_or(step, "reason", "").starts_with("drift:") &&
                  string_or(step, "kind", "") != "end_process";
         });
}

EffectLine undo_line(const Json& plan, const Json& forecast, std::size_t most) {
  const Json& list = member(forecast, "cannot_undo");
  if (!list.is_array() || list.empty()) {
    if (integer_or(plan, "base_generation", 0) == 0) {
      return {"undo", "there is no earlier revision to go back to: it is the first"};
    }
    return {"undo",
            std::string("'voicectl rollback REVISION' goes back; 'voicectl history' has "
                        "the revisions") +
                (repairs_an_edit(plan) ? "; what a person wrote and this writes over is put aside"
                                       : "")};
  }
  return {"undo", "cannot be undone:", true, cases_of(list, most, [](const Json& each) {
            return string_or(each, "subject", "?") + ": " + string_or(each, "why", "");
          })};
}

EffectLine unknown_line(const Json& forecast, std::size_t most) {
  const auto text = [](const Json& each) {
    return each.is_string() ? each.get<std::string>() : "";
  };
  return {"not known", "", false, cases_of(member(forecast, "not_known"), most, text)};
}

}  // namespace

std::vector<EffectLine> effect_lines(const Json& plan, std::size_t most) {
  const Json& forecast = member(plan, "forecast");
  if (!forecast.is_object()) {
    return {};
  }
  std::vector<EffectLine> out = {
      processes_line(forecast),
      sessions_line(forecast, most),
      edge_line(forecast),
      certificates_line(forecast, most),
      ports_line(forecast),
      resources_line(forecast),
      {"takes", estimate_text(member(forecast, "duration"), "partly assumed")},
      undo_line(plan, forecast, most)};
  const Json& left = member(forecast, "left");
  if (left.is_number_integer() && left.get<std::int64_t>() > 0) {
    out.push_back(
        {"afterwards",
         plural(left.get<std::int64_t>(), "step is", "steps are") + " left for another apply",
         true});
  }
  if (EffectLine unknown = unknown_line(forecast, most); !unknown.details.empty()) {
    out.push_back(std::move(unknown));
  }
  return out;
}

std::vector<EffectLine> upgrade_lines(const Json& course, std::string_view watch) {
  if (!course.is_object()) {
    return {};
  }
  return {
      {"pause", estimate_text(member(course, "pause"), "assumed: none was measured here yet")},
      {"memory", course_text(member(course, "memory_bytes"),
                             {{"before", "now"}, {"peak", "at most"}}, bytes_text)},
      {"takes", fmt::format("{}; {} of it the canary is watched",
                            estimate_text(member(course, "duration"), "partly assumed"), watch)},
      {"undo",
       "'voicectl upgrade abort' turns it back, 'voicectl upgrade --rollback' "
       "afterwards"}};
}

std::string print_effect(const Json& plan, const Palette& palette) {
  std::string out;
  for (const EffectLine& line : effect_lines(plan, kShownCases)) {
    std::size_t first = 0;
    std::string text = line.text;
    if (text.empty() && !line.details.empty()) {
      text = line.details.front();
      first = 1;
    }
    out += fmt::format("  {:<13} {}\n", line.label,
                       line.is_warning ? palette.paint(Color::kWarning, text) : text);
    for (std::size_t i = first; i < line.details.size(); ++i) {
      out += fmt::format("  {:<13} {}\n", "", palette.paint(Color::kFaint, line.details[i]));
    }
  }
  return out.empty() ? out : "\nEffect:\n\n" + out;
}

bool is_counted(std::string_view quantity) {
  return !quantity.ends_with("_us") && !quantity.ends_with("_bytes") &&
         !quantity.ends_with("_milli");
}

std::string quantity_title(std::string_view quantity) {
  std::string out(is_counted(quantity) ? quantity : quantity.substr(0, quantity.rfind('_')));
  std::replace(out.begin(), out.end(), '_', ' ');
  return safe_for_terminal(out);
}

std::string quantity_text(std::string_view quantity, std::int64_t number) {
  if (quantity.ends_with("_bytes")) {
    return bytes_text(number);
  }
  if (quantity.ends_with("_milli")) {
    return cpu_text(number);
  }
  return quantity.ends_with("_us") ? time_text(number) : std::to_string(number);
}

std::string print_comparison(const std::vector<api::Compared>& compared, const Palette& palette) {
  Table table({{""}, {"FORECAST", Align::kRight}, {"OUTCOME", Align::kRight}});
  for (const api::Compared& each : compared) {
    if (each.forecast != 0 || each.outcome != 0) {
      table.add({quantity_title(each.quantity), quantity_text(each.quantity, each.forecast),
                 quantity_text(each.quantity, each.outcome)});
    }
  }
  return table.empty() ? "" : "\n" + table.str(palette);
}

}  // namespace voicectl
