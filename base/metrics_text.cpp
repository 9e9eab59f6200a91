// SPDX-License-Identifier: Apache-2.0
#include "base/metrics_text.h"

#include <fmt/core.h>

#include <iterator>

namespace voicectl {
namespace {

std::string_view name_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kHistogram:
      break;
  }
  return "histogram";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

void LatencyTotals::add(const LatencyHistogram& values) {
  for (std::size_t i = 0; values.count() > 0 && i < kLatencyBoundsUs.size(); ++i) {
    up_to_[i] += values.count_up_to_us(kLatencyBoundsUs[i]);
  }
  count_ += values.count();
  sum_us_ += values.sum_us();
}

void MetricsText::begin(std::string_view name, MetricKind kind, std::string_view help) {
  name_ = name;
  kind_ = kind;
  help_ = help;
  is_head_told_ = false;
}

void MetricsText::sample(const Labels& labels, double value) {
  line("", labels, value);
}

void MetricsText::sample(const Labels& labels, const LatencyTotals& values) {
  Labels bounded = labels;
  bounded.emplace_back("le", "");
  for (std::size_t i = 0; i < kLatencyBoundsUs.size(); ++i) {
    const std::string bound = fmt::format("{}", static_cast<double>(kLatencyBoundsUs[i]) / 1e6);
    bounded.back().second = bound;
    line("_bucket", bounded, static_cast<double>(values.up_to()[i]));
  }
  bounded.back().second = "+Inf";
  line("_bucket", bounded, static_cast<double>(values.count()));
  line("_sum", labels, values.sum_seconds());
  line("_count", labels, static_cast<double>(values.count()));
}

void MetricsText::tell_head() {
  if (!is_head_told_) {
    fmt::format_to(std::back_inserter(out_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name_, help_,
                   name_of(kind_));
    is_head_told_ = true;
  }
}

void MetricsText::line(std::string_view suffix, const Labels& labels, double value) {
  tell_head();
  out_ += name_;
  out_ += suffix;
  char before = '{';
  for (const auto& [label, text] : labels) {
    out_ += before;
    out_ += label;
    out_ += "=\"";
    append_escaped(out_, text);
    out_ += '"';
    before = ',';
  }
  fmt::format_to(std::back_inserter(out_), "{}{}\n", labels.empty() ? " " : "} ", value);
}

}  // namespace voicectl
