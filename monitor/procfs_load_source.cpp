// SPDX-License-Identifier: Apache-2.0
#include "monitor/procfs_load_source.h"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>

namespace voicectl {
namespace {

constexpr std::size_t kMaxStat = 4096;
constexpr std::size_t kMaxRollup = 16 * 1024;

/// Processes that ended unseen are forgotten with all others, who are counted again.
constexpr std::size_t kMostRemembered = 4096;

// Fields of proc(5), counted from 1; the list begins after the name, with field 3.
constexpr std::size_t kFirstField = 3;
constexpr std::size_t kUserTime = 14;
constexpr std::size_t kSystemTime = 15;
constexpr std::size_t kThreads = 20;
constexpr std::size_t kStartTime = 22;
constexpr std::size_t kResidentPages = 24;

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) {
      return words;
    }
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// Nullopt if it is not a number and nothing else.
std::optional<std::uint64_t> number_of(std::string_view word) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole = read.ec == std::errc() && read.ptr == word.data() + word.size();
  return whole ? std::optional(value) : std::nullopt;
}

/// Numbers of the line by field; nullopt for one that is missing or no number.
class StatFields {
 public:
  explicit StatFields(std::string_view after_name) : words_(split_words(after_name)) {}

  std::optional<std::uint64_t> number(std::size_t field) const {
    const std::size_t index = field - kFirstField;
    return index < words_.size() ? number_of(words_[index]) : std::nullopt;
  }

 private:
  std::vector<std::string_view> words_;
};

Duration from_ticks(std::uint64_t ticks, std::uint64_t per_second) {
  const std::uint64_t seconds = ticks / per_second;
  const std::uint64_t rest = ticks % per_second;
  return std::chrono::seconds(seconds) +
         std::chrono::nanoseconds(rest * 1'000'000'000 / per_second);
}

}  // namespace

ProcfsUnits ProcfsUnits::of_this_machine() {
  ProcfsUnits units;
  if (const long ticks = ::sysconf(_SC_CLK_TCK); ticks > 0) {
    units.ticks_per_second = static_cast<std::uint64_t>(ticks);
  }
  if (const long bytes = ::sysconf(_SC_PAGESIZE); bytes > 0) {
    units.page_bytes = static_cast<std::uint64_t>(bytes);
  }
  return units;
}

std::optional<ProcessUsage> parse_process_stat(std::string_view line,
                                               std::uint64_t start_ticks,
                                               const ProcfsUnits& units) {
  // A program may be named ") R 1 (": only the last parenthesis surely ends the name.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos) {
    return std::nullopt;
  }
  const StatFields fields(line.substr(name_end + 1));
  const auto user = fields.number(kUserTime);
  const auto system = fields.number(kSystemTime);
  const auto threads = fields.number(kThreads);
  const auto pages = fields.number(kResidentPages);
  if (!user || !system || !threads || !pages || fields.number(kStartTime) != start_ticks) {
    return std::nullopt;
  }
  ProcessUsage usage;
  usage.cpu_time = from_ticks(*user + *system, units.ticks_per_second);
  usage.memory = Bytes{*pages * units.page_bytes};
  usage.threads = static_cast<std::uint32_t>(*threads);
  return usage;
}

std::optional<Bytes> parse_proportional(std::string_view text) {
  // "Pss:   1234 kB", and others whose names begin with "Pss_".
  constexpr std::string_view kName = "\nPss:";
  const std::size_t at = text.find(kName);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(at + kName.size());
  const std::vector<std::string_view> words = split_words(text.substr(0, text.find('\n')));
  const auto kib = words.empty() ? std::nullopt : number_of(words.front());
  return kib && *kib <= UINT64_MAX / 1024 ? std::optional(Bytes{*kib * 1024}) : std::nullopt;
}

ProcfsLoadSource::ProcfsLoadSource(FileSystem& files, ProcfsUnits units, std::string root)
    : files_(files), units_(units), root_(std::move(root)) {}

std::vector<std::optional<ProcessUsage>> ProcfsLoadSource::sample(
    const std::vector<ProcessIdentity>& processes) {
  std::vector<std::optional<ProcessUsage>> out;
  out.reserve(processes.size());
  for (const ProcessIdentity& process : processes) {
    out.push_back(sample_one(process));
  }
  return out;
}

std::optional<ProcessUsage> ProcfsLoadSource::sample_one(const ProcessIdentity& process) {
  const std::string folder = fmt::format("{}/{}", root_, process.pid);
  const auto stat = files_.read(folder + "/stat", kMaxStat);
  // A process that ends while it is read gives an error; it is gone all the same.
  if (stat.has_error() || !*stat) {
    counted_.erase(process.pid);
    return std::nullopt;
  }
  auto usage = parse_process_stat(**stat, process.start_ticks, units_);
  if (!usage) {
    return std::nullopt;
  }
  const Counted& counted = counted_of(process, folder);
  usage->descriptors = counted.descriptors;
  usage->proportional = counted.proportional;
  return usage;
}

const ProcfsLoadSource::Counted& ProcfsLoadSource::counted_of(const ProcessIdentity& process,
                                                              const std::string& folder) {
  if (counted_.size() > kMostRemembered) {
    counted_.clear();
  }
  Counted& counted = counted_[process.pid];
  const bool is_another = counted.start_ticks != process.start_ticks;
  counted.start_ticks = process.start_ticks;
  if (is_another || counted.looks_to_count-- <= 0) {
    counted.descriptors = count_descriptors(folder);
    // Those who began together are not counted together for ever.
    counted.looks_to_count = is_another ? process.pid % kLooksPerCount : kLooksPerCount - 1;
  }
  if (is_another || counted.looks_to_sum-- <= 0) {
    counted.proportional = sum_memory(folder);
    counted.looks_to_sum = is_another ? process.pid % kLooksPerSum : kLooksPerSum - 1;
  }
  return counted;
}

std::optional<std::uint32_t> ProcfsLoadSource::count_descriptors(const std::string& folder) {
  const auto listed = files_.list(folder + "/fd");
  return listed.has_value() && !listed->empty()
             ? std::optional(static_cast<std::uint32_t>(listed->size()))
             : std::nullopt;
}

std::optional<Bytes> ProcfsLoadSource::sum_memory(const std::string& folder) {
  const auto text = files_.read(folder + "/smaps_rollup", kMaxRollup);
  return text.has_value() && *text ? parse_proportional(**text) : std::nullopt;
}

}  // namespace voicectl
