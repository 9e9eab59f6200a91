// SPDX-License-Identifier: Apache-2.0
#include "base/os/work_account.h"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace voicectl {
namespace {

/// Whom a thread works for is the thread's own business, like its stack: there is no object that
/// everything between a socket and a database could be given instead.
struct Present {
  WorkAccount* account = nullptr;
  MonoTime since;
};
constinit thread_local Present present;

MonoTime clock_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

/// Ends what was begun for the present account, and begins for `next`.
void change_to(WorkAccount* next) {
  const MonoTime now = clock_now();
  if (present.account != nullptr) {
    present.account->charge_loop(now - present.since);
  }
  present = {next, now};
}

}  // namespace

WorkAccount* present_account() {
  return present.account;
}

WorkScope::WorkScope(WorkAccount* account)
    : before_(present.account), changes_(account != present.account) {
  if (changes_) {
    account_.reset(account);
    change_to(account);
  }
}

WorkScope::~WorkScope() {
  if (changes_) {
    change_to(before_);
  }
}

HelperScope::HelperScope(WorkAccount* account) : account_(account) {
  if (account_ != nullptr) {
    begun_ = thread_processor_time();
    present.account = account_;
  }
}

HelperScope::~HelperScope() {
  if (account_ != nullptr) {
    charge();
    present.account = nullptr;
  }
}

void HelperScope::charge() {
  if (account_ != nullptr) {
    const Duration now = thread_processor_time();
    account_->charge_helper(now - std::exchange(begun_, now));
  }
}

Duration thread_processor_time() {
  timespec time{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
    return Duration::zero();
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

WorkMeter::WorkMeter(std::function<Duration()> used) : used_(std::move(used)), settled_(used_()) {}

WorkAccountPtr WorkMeter::open() {
  accounts_.emplace_back(new WorkAccount);
  return accounts_.back();
}

void WorkMeter::settle() {
  const Duration now = used_();
  const Duration used = now - std::exchange(settled_, now);
  Duration charged{0};
  for (const WorkAccountPtr& account : accounts_) {
    charged += account->on_loop_ - account->settled_;
  }
  const double part =
      charged <= used
          ? 1
          : std::max(0.0, static_cast<double>(used.count()) / static_cast<double>(charged.count()));
  for (const WorkAccountPtr& account : accounts_) {
    const Duration fresh = account->on_loop_ - std::exchange(account->settled_, account->on_loop_);
    account->worth_ +=
        Duration(static_cast<Duration::rep>(static_cast<double>(fresh.count()) * part));
  }
  std::erase_if(accounts_, [](const WorkAccountPtr& one) { return one->use_count() == 1; });
}

}  // namespace voicectl
