// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/forgery_guard.h"

namespace voicectl::runtime {
namespace {

/// An IPv6 address has 39 characters; what is longer is no address.
constexpr std::size_t kLongestSource = 45;

bool is_proven(const std::optional<MonoTime>& until, MonoTime now) {
  return until && now < *until;
}

}  // namespace

std::optional<Duration> ForgeryGuard::wait(std::string_view source, MonoTime now) {
  const auto found = sources_.find(source.substr(0, kLongestSource));
  if (found != sources_.end()) {
    if (const auto own = found->second.wrong.wait(kOfSource, now)) {
      return own;
    }
    if (is_proven(found->second.proven_until, now)) {
      return std::nullopt;
    }
  }
  return strangers_.wait(kOfStrangers, now);
}

void ForgeryGuard::note_right(std::string_view source, MonoTime now) {
  source_of(source, now).proven_until = now + kProven;
}

void ForgeryGuard::note_wrong(std::string_view source, MonoTime now) {
  Source& one = source_of(source, now);
  one.wrong.take(kOfSource, now);
  if (!is_proven(one.proven_until, now)) {
    strangers_.take(kOfStrangers, now);
  }
}

ForgeryGuard::Source& ForgeryGuard::source_of(std::string_view name, MonoTime now) {
  const std::string_view key = name.substr(0, kLongestSource);
  const auto found = sources_.find(key);
  if (found != sources_.end()) {
    return found->second;
  }
  if (sources_.size() >= kMostSources) {
    make_room(now);
  }
  return sources_[std::string(key)];
}

/// Those who proved nothing go first: together they are still bound. If all have, anybody goes.
void ForgeryGuard::make_room(MonoTime now) {
  std::erase_if(sources_,
                [now](const auto& entry) { return !is_proven(entry.second.proven_until, now); });
  if (sources_.size() >= kMostSources) {
    sources_.erase(sources_.begin());
  }
}

ForgeryGuard::Memory ForgeryGuard::memory() const {
  Memory memory{{}, strangers_.full_at()};
  for (const auto& [name, source] : sources_) {
    memory.sources.emplace(name, std::pair(source.wrong.full_at(), source.proven_until));
  }
  return memory;
}

void ForgeryGuard::go_on_with(const Memory& memory) {
  strangers_ = TokenBucket(memory.strangers);
  sources_.clear();
  for (const auto& [name, known] : memory.sources) {
    sources_.emplace(name, Source{TokenBucket(known.first), known.second});
  }
}

}  // namespace voicectl::runtime
