// SPDX-License-Identifier: Apache-2.0
#include "base/os/service_descriptor_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "base/backoff.h"

namespace voicectl {
namespace {

/// Waits before what was not kept is put again.
constexpr BackoffPolicy kPutWait{.first = std::chrono::seconds(1), .cap = std::chrono::seconds(60)};

std::string part_name(const std::string& name, std::size_t number, std::size_t count) {
  return fmt::format("{}.{}.{}", name, number, count);
}

struct Part {
  std::string name;
  std::size_t number = 0;
  std::size_t count = 0;
};

/// The number behind the last dot, which is cut off.
std::optional<std::size_t> cut_number(std::string_view& text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(dot + 1);
  std::size_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  text = text.substr(0, dot);
  const bool is_number = problem == std::errc() && end == digits.data() + digits.size();
  return is_number ? std::optional(number) : std::nullopt;
}

std::optional<Part> parse_part(std::string_view text) {
  const std::optional<std::size_t> count = cut_number(text);
  const std::optional<std::size_t> number = count ? cut_number(text) : std::nullopt;
  if (!number || text.empty() || *count > kMaxKeptTogether || *number == 0 || *number > *count) {
    return std::nullopt;
  }
  return Part{std::string(text), *number, *count};
}

}  // namespace

void ServiceDescriptorStore::open(Handlers handlers,
                                  std::function<void(std::vector<KeptDescriptors>)> done) {
  handlers_ = std::move(handlers);
  std::map<std::string, std::vector<UniqueFd>> found;
  std::map<std::string, std::size_t> copies;
  for (ServiceDescriptor& given : std::exchange(service_.given, {})) {
    const std::optional<Part> part = parse_part(given.name);
    if (!part) {
      continue;  // a socket unit's, or another program's
    }
    std::vector<UniqueFd>& all = found[part->name];
    all.resize(std::max(all.size(), part->count));
    all[part->number - 1] = std::move(given.descriptor);
    ++copies[part->name];
  }
  std::vector<KeptDescriptors> kept;
  for (auto& [name, descriptors] : found) {
    counts_[name] = descriptors.size();
    // Fewer: we died while we put them. More: while we replaced them.
    const bool is_whole =
        copies[name] == descriptors.size() &&
        std::all_of(descriptors.begin(), descriptors.end(),
                    [](const UniqueFd& descriptor) { return descriptor.is_open(); });
    if (is_whole) {
      kept.push_back({name, std::move(descriptors)});
    } else {
      drop(name);
    }
  }
  reactor_.post([done = std::move(done), all = std::make_shared<std::vector<KeptDescriptors>>(
                                             std::move(kept))] { done(std::move(*all)); });
}

std::size_t ServiceDescriptorStore::kept() const {
  std::size_t sum = 0;
  for (const auto& [name, count] : counts_) {
    sum += count;
  }
  return sum;
}

void ServiceDescriptorStore::put(const std::string& name, const std::vector<int>& descriptors) {
  let_go(name);
  if (service_.room && kept() + descriptors.size() > *service_.room) {
    handlers_.on_error(Error(
        ErrorCode::kResourceExhausted,
        fmt::format("cannot keep '{}' at the service manager: it has room for {} descriptors; "
                    "widen FileDescriptorStoreMax",
                    name, *service_.room)));
    lacks_room_ = true;
    return;
  }
  bool is_kept = true;
  for (std::size_t i = 0; i < descriptors.size() && is_kept; ++i) {
    // Not watched by the manager, which would drop a listener that reports anything unusual.
    is_kept = tell(
        fmt::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", part_name(name, i + 1, descriptors.size())),
        {descriptors[i]});
  }
  if (is_kept) {
    counts_[name] = descriptors.size();
  } else {
    remove(name, descriptors.size());
    put_again_later();
  }
}

void ServiceDescriptorStore::put_again_later() {
  if (std::exchange(is_putting_again_, true)) {
    return;
  }
  reactor_.call_after(backoff_without_jitter(kPutWait, ++refusals_),
                      [this, alive = std::weak_ptr(alive_)] {
                        if (!alive.expired()) {
                          is_putting_again_ = false;
                          handlers_.on_empty();
                        }
                      });
}

void ServiceDescriptorStore::drop(const std::string& name) {
  let_go(name);
  if (std::exchange(lacks_room_, false)) {
    put_again_later();
  }
}

void ServiceDescriptorStore::let_go(const std::string& name) {
  if (const auto known = counts_.find(name); known != counts_.end()) {
    remove(name, known->second);
    counts_.erase(known);
  }
}

void ServiceDescriptorStore::clear(std::function<void()> done) {
  for (const auto& [name, count] : std::exchange(counts_, {})) {
    remove(name, count);
  }
  reactor_.post(std::move(done));
}

void ServiceDescriptorStore::remove(const std::string& name, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    tell("FDSTOREREMOVE=1\nFDNAME=" + part_name(name, i + 1, count), {});
  }
}

bool ServiceDescriptorStore::tell(std::string_view message, const std::vector<int>& descriptors) {
  const bool is_told = service_.notify(message, descriptors);
  if (!is_told && !has_failed_) {
    handlers_.on_error(
        Error(ErrorCode::kUnavailable, "cannot reach the service manager to keep descriptors"));
  }
  has_failed_ = !is_told;
  return is_told;
}

}  // namespace voicectl
