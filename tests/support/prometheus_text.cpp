// SPDX-License-Identifier: Apache-2.0
#include "tests/support/prometheus_text.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace voicectl {
namespace {

/// One histogram of a metric that has several, told apart by labels.
struct Series {
  double last_bucket = 0;
  double last_bound = -std::numeric_limits<double>::infinity();
  double infinite = -1;
  double count = -2;
  bool has_sum = false;
};

struct Metric {
  std::string type;
  bool has_help = false;
  std::set<std::string> samples;
  /// Of a histogram, by the labels beside the bound.
  std::map<std::string, Series> series;
};

class Checker {
 public:
  void check(const std::string& text) {
    if (text.empty() || text.back() != '\n') {
      complain("the last line does not end");
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      line_ = line;
      check_line();
    }
    for (const auto& [name, metric] : metrics_) {
      line_ = name;
      check_whole(name, metric);
    }
  }
  std::vector<std::string> problems;

 private:
  void complain(const std::string& what) { problems.push_back(what + ": " + line_); }

  void check_line() {
    static const std::regex kComment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
    static const std::regex kSample(
        "([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\""
        "(?:,[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\")*\\})? ([^ ]+)");
    std::smatch parts;
    if (std::regex_match(line_, parts, kComment)) {
      parts[1] == "HELP" ? take_help(parts[2]) : take_type(parts[2], parts[3]);
    } else if (std::regex_match(line_, parts, kSample)) {
      take_sample(parts[1], parts[2], parts[3]);
    } else {
      complain("this is no line of the format");
    }
  }

  void take_help(const std::string& name) {
    if (!metrics_.try_emplace(name).second) {
      complain("told twice");
    }
    metrics_[name].has_help = true;
    present_ = name;
  }

  void take_type(const std::string& name, const std::string& type) {
    static const std::set<std::string> kTypes = {"counter", "gauge", "histogram"};
    if (name != present_ || !metrics_[name].type.empty()) {
      complain("TYPE must follow HELP, once");
    }
    if (!kTypes.contains(type)) {
      complain("unknown type");
    }
    if (type == "counter" && !name.ends_with("_total")) {
      complain("a counter must end in _total");
    }
    metrics_[name].type = type;
  }

  void take_sample(const std::string& name, const std::string& labels, const std::string& text) {
    Metric& metric = metrics_[present_];
    const bool is_histogram = metric.type == "histogram";
    const std::string suffix =
        name.starts_with(present_) ? name.substr(present_.size()) : std::string("?");
    if (metric.type.empty() ||
        (is_histogram ? suffix != "_bucket" && suffix != "_sum" && suffix != "_count"
                      : !suffix.empty())) {
      complain("a sample of a metric that is not being told");
    }
    if (!metric.samples.insert(name + labels).second) {
      complain("the same sample twice");
    }
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    if (used != text.size() || !std::isfinite(value) || (metric.type != "gauge" && value < 0)) {
      complain("not a good value");
    }
    if (is_histogram) {
      take_part(metric, suffix, labels, value);
    }
  }

  void take_part(Metric& metric,
                 const std::string& suffix,
                 const std::string& labels,
                 double value) {
    static const std::regex kBound(",?le=\"([^\"]*)\"");
    const std::string others = std::regex_replace(labels, kBound, "");
    Series& series = metric.series[others == "{}" ? "" : others];
    std::smatch bound;
    if (suffix == "_sum") {
      series.has_sum = true;
    } else if (suffix == "_count") {
      series.count = value;
    } else if (!std::regex_search(labels, bound, kBound)) {
      complain("a bucket without a bound");
    } else {
      take_bucket(series, bound[1], value);
    }
  }

  void take_bucket(Series& series, const std::string& bound, double value) {
    const double number =
        bound == "+Inf" ? std::numeric_limits<double>::infinity() : std::stod(bound);
    if (number <= series.last_bound || value < series.last_bucket) {
      complain("buckets must grow");
    }
    series.last_bound = number;
    series.last_bucket = value;
    series.infinite = bound == "+Inf" ? value : series.infinite;
  }

  void check_whole(const std::string& name, const Metric& metric) {
    if (!metric.has_help || metric.type.empty() || metric.samples.empty()) {
      complain("not whole");
    }
    for (const auto& [labels, series] : metric.series) {
      if (!series.has_sum || series.infinite != series.count) {
        complain("a histogram that does not agree with itself");
      }
    }
    (void)name;
  }

  std::string line_;
  std::string present_;
  std::map<std::string, Metric> metrics_;
};

}  // namespace

std::vector<std::string> problems_of_metrics(const std::string& text) {
  Checker checker;
  checker.check(text);
  return checker.problems;
}

}  // namespace voicectl
