// SPDX-License-Identifier: Apache-2.0
#include "monitor/replay_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "base/check.h"

namespace voicectl {
namespace {

constexpr double kLeft = 190;
constexpr double kPlot = 1000;
constexpr double kChart = 160;
constexpr double kBar = 7;
constexpr double kLane = 22;
constexpr std::size_t kLanes = 40;
/// Bars nearer to each other than this look like one, and are drawn as one.
constexpr double kNear = 1;
constexpr std::array<std::string_view, 2> kColours = {"#1f77b4", "#d62728"};
constexpr std::string_view kOverColour = "#f0b429";

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Promotion policies replayed</title>
<style>
body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#222}
table{border-collapse:collapse;margin:12px 0}
th,td{padding:3px 14px 3px 0;text-align:right}
th:first-child,td:first-child{text-align:left}
th{border-bottom:1px solid #999}
svg text{font:11px system-ui,sans-serif;fill:#444}
</style></head><body>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // What steers a terminal has no place in a page either.
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

double hours(Duration length) {
  return std::chrono::duration<double, std::ratio<3600>>(length).count();
}

/// Where a moment is drawn.
class Scale {
 public:
  explicit Scale(Duration length) : length_(std::max<Duration>(length, Duration(1))) {}
  double x(Duration at) const {
    return kLeft + kPlot * static_cast<double>(at.count()) / static_cast<double>(length_.count());
  }
  /// Days, or hours of a short recording.
  Duration tick() const {
    constexpr std::array kTicks{std::chrono::minutes(1),    std::chrono::minutes(10),
                                std::chrono::minutes(60),   std::chrono::minutes(360),
                                std::chrono::minutes(1440), std::chrono::minutes(1440 * 7)};
    for (const std::chrono::minutes one : kTicks) {
      if (length_ / one <= 31) {
        return one;
      }
    }
    return std::chrono::minutes(1440 * 30);
  }
  Duration length() const { return length_; }

 private:
  Duration length_;
};

std::string grid(const Scale& scale, double height) {
  std::string out;
  for (Duration at{0}; at <= scale.length(); at += scale.tick()) {
    out += fmt::format(R"(<line x1="{0:.1f}" y1="0" x2="{0:.1f}" y2="{1:.0f}" stroke="#e4e4e4"/>)",
                       scale.x(at), height);
    const double since = hours(at);
    out += fmt::format(
        R"(<text x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>)", scale.x(at), height + 14,
        scale.tick() >= std::chrono::hours(24) ? fmt::format("day {:.0f}", since / 24)
                                               : format_duration(at));
  }
  return out + "\n";
}

/// How many were promoted, as a line of steps.
std::string count_line(const Scale& scale, const ReplayResult& result, double most, int side) {
  const auto y = [&](int count) { return kChart - (kChart - 10) * count / most; };
  std::string path = fmt::format("M{:.1f} {:.1f}", scale.x(Duration(0)), y(0));
  int count = 0;
  for (std::size_t i = 0; i < result.moves.size();) {
    // All that falls on one point of the page is one stroke from the least to the most.
    const double x = scale.x(result.moves[i].at);
    int least = count;
    int greatest = count;
    for (; i < result.moves.size() && scale.x(result.moves[i].at) - x < kNear; ++i) {
      count += result.moves[i].kind == PromotionKind::kPromote ? 1 : -1;
      least = std::min(least, count);
      greatest = std::max(greatest, count);
    }
    path += fmt::format("H{:.1f}V{:.1f}V{:.1f}V{:.1f}", x, y(least), y(greatest), y(count));
  }
  path += fmt::format("H{:.1f}", scale.x(result.length));
  return fmt::format(R"(<path d="{}" fill="none" stroke="{}" stroke-width="1.4"/>)", path,
                     kColours.at(static_cast<std::size_t>(side))) +
         "\n";
}

std::string chart(const Scale& scale, const std::vector<ReplaySide>& sides) {
  double most = 1;
  for (const ReplaySide& side : sides) {
    most = std::max(most, static_cast<double>(side.result.most_promoted));
  }
  std::string out = fmt::format(
      "<h2>Tenants with an instance of their own</h2>\n"
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}">)"
      "\n",
      kLeft + kPlot + 30, kChart + 20);
  out += grid(scale, kChart);
  out += fmt::format(
      R"(<text x="{0:.0f}" y="14" text-anchor="end">{1:.0f}</text><text x="{0:.0f}" y="{2:.0f}" text-anchor="end">0</text>)"
      "\n",
      kLeft - 6, most, kChart);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    out += count_line(scale, sides[i].result, most, static_cast<int>(i));
  }
  return out + "</svg>\n";
}

/// Those that the policies had most to do with, by number.
std::vector<std::uint32_t> chosen(const std::vector<ReplaySide>& sides) {
  const std::size_t count = sides.front().result.tenants.size();
  std::vector<std::pair<Duration, std::uint32_t>> ranked;
  for (std::uint32_t number = 0; number < count; ++number) {
    Duration sum{0};
    for (const ReplaySide& side : sides) {
      sum += side.result.tenants[number].dedicated + side.result.tenants[number].over_mark;
    }
    if (sum > Duration::zero()) {
      ranked.emplace_back(-sum, number);
    }
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < std::min(kLanes, ranked.size()); ++i) {
    out.push_back(ranked[i].second);
  }
  return out;
}

std::string bars(const Scale& scale,
                 const std::vector<ReplaySpan>& spans,
                 std::uint32_t tenant,
                 double y,
                 std::string_view colour) {
  std::string out;
  double from = 0;
  double to = -1;
  const auto draw = [&] {
    if (to >= from) {
      out += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" fill="{}"/>)",
                         from, y, std::max(0.6, to - from), kBar, colour);
    }
  };
  for (const ReplaySpan& span : spans) {
    if (span.tenant != tenant) {
      continue;
    }
    if (to < from || scale.x(span.from) - to > kNear) {
      draw();
      from = scale.x(span.from);
    }
    to = scale.x(span.to);
  }
  draw();
  return out;
}

std::string lane(const Scale& scale,
                 const std::vector<ReplaySide>& sides,
                 std::uint32_t tenant,
                 double y) {
  std::string out =
      fmt::format(R"(<text x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 6, y + 12,
                  escaped(sides.front().result.tenants[tenant].tenant.str()));
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const double top = y + 2 + static_cast<double>(i) * (kBar + 1);
    out += bars(scale, sides[i].result.over_mark_spans, tenant, top, kOverColour);
    out += bars(scale, sides[i].result.dedicated_spans, tenant, top, kColours.at(i));
  }
  return out + "\n";
}

std::string lanes(const Scale& scale, const std::vector<ReplaySide>& sides) {
  const std::vector<std::uint32_t> tenants = chosen(sides);
  const double height = kLane * static_cast<double>(tenants.size());
  std::string out = fmt::format(
      "<h2>The {} tenants that there was most to do with</h2>\n"
      "<p><span style=\"color:{}\">&#9632;</span> over a high mark in the pool, with all the "
      "others",
      tenants.size(), kOverColour);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    out += fmt::format("; <span style=\"color:{}\">&#9632;</span> alone in an instance under {}",
                       kColours.at(i), escaped(sides[i].name));
  }
  out += fmt::format(
      "</p>\n"
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}">)"
      "\n",
      kLeft + kPlot + 30, height + 20);
  out += grid(scale, height);
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    out += lane(scale, sides, tenants[i], kLane * static_cast<double>(i));
  }
  return out + "</svg>\n";
}

std::string row(std::string_view name,
                const std::vector<ReplaySide>& sides,
                std::string (*value)(const ReplayResult&)) {
  std::string out = fmt::format("<tr><td>{}</td>", name);
  for (const ReplaySide& side : sides) {
    out += "<td>" + value(side.result) + "</td>";
  }
  return out + "</tr>\n";
}

std::string minutes(Duration length) {
  return fmt::format("{:.0f}", hours(length) * 60);
}

std::string figures(const std::vector<ReplaySide>& sides) {
  std::string out = "<table><tr><th></th>";
  for (std::size_t i = 0; i < sides.size(); ++i) {
    out += fmt::format("<th style=\"color:{}\">{}</th>", kColours.at(i), escaped(sides[i].name));
  }
  out += "</tr>\n";
  const auto count = [&](std::string_view name, std::string (*value)(const ReplayResult&)) {
    out += row(name, sides, value);
  };
  count("promotions", [](const ReplayResult& of) { return std::to_string(of.promotions); });
  count("demotions", [](const ReplayResult& of) { return std::to_string(of.demotions); });
  count("flaps", [](const ReplayResult& of) { return std::to_string(of.flaps); });
  count("minutes over the mark", [](const ReplayResult& of) { return minutes(of.over_mark); });
  count("dedicated minutes", [](const ReplayResult& of) { return minutes(of.dedicated); });
  count("minutes held back", [](const ReplayResult& of) { return minutes(of.held_back); });
  count("most at a time", [](const ReplayResult& of) { return std::to_string(of.most_promoted); });
  return out + "</table>\n";
}

}  // namespace

std::string render_replay_page(const std::vector<ReplaySide>& sides) {
  VC_CHECK(!sides.empty() && sides.size() <= kColours.size(), "one policy or two are drawn");
  const ReplayResult& first = sides.front().result;
  const Scale scale(first.length);
  return std::string(kHead) +
         fmt::format(
             "<h1>Promotion policies replayed</h1>\n<p>{} tenants, {} from {}, a sample "
             "every {}.</p>\n",
             first.tenants.size(), format_duration(first.length), format_wall_time(first.began),
             format_duration(first.interval)) +
         figures(sides) + chart(scale, sides) + lanes(scale, sides) + "</body></html>\n";
}

}  // namespace voicectl
