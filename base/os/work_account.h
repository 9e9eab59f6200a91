// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace voicectl {

/// What was done for one party, a tenant say, by the loop and by helper threads.
class WorkAccount : public boost::intrusive_ref_counter<WorkAccount> {
 public:
  /// Time by the clock that the loop's thread has spent in its scopes. THREADS: that thread.
  Duration on_loop() const { return on_loop_; }
  /// Processor time: that of helper threads as of now, that of the loop as last settled by a
  /// WorkMeter. Never goes back. THREADS: the loop's.
  Duration processor_time() const {
    return worth_ + Duration(on_helpers_.load(std::memory_order_relaxed));
  }

  /// THREADS: the loop's.
  void charge_loop(Duration length) { on_loop_ += length; }
  /// THREADS: any.
  void charge_helper(Duration length) {
    on_helpers_.fetch_add(length.count(), std::memory_order_relaxed);
  }

 private:
  friend class WorkMeter;
  Duration on_loop_{0};
  std::atomic<Duration::rep> on_helpers_{0};
  /// What on_loop() was when it was last settled, and what that came to.
  Duration settled_{0};
  Duration worth_{0};
};
using WorkAccountPtr = boost::intrusive_ptr<WorkAccount>;

/// For whom this thread works now; null: for nobody in particular.
///
/// A loop and a ThreadOffload remember it with what they are given to do later, so that work is
/// charged to who caused it, wherever it goes on.
WorkAccount* present_account();

/// While it lives this thread works for `account`; null: for nobody. Two reads of the clock if that
/// changes anything, else none.
///
/// Scopes nest: what the inner one takes is not charged to the outer one.
class WorkScope {
 public:
  explicit WorkScope(WorkAccount* account);
  ~WorkScope();
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  WorkAccount* before_;
  /// Kept, because whoever has it may end meanwhile.
  WorkAccountPtr account_;
  bool changes_;
};

/// The same on a helper thread, whose processor time is charged.
class HelperScope {
 public:
  explicit HelperScope(WorkAccount* account);
  ~HelperScope();
  HelperScope(const HelperScope&) = delete;
  HelperScope& operator=(const HelperScope&) = delete;

  /// Charges what was used until now, so that whoever is told of the work finds it charged.
  void charge();

 private:
  WorkAccount* account_;
  Duration begun_{0};
};

/// `callback`, called for whom we work for now.
template <typename... Args>
std::function<void(Args...)> for_present_account(std::function<void(Args...)> callback) {
  if (present_account() == nullptr) {
    return callback;
  }
  return
      [account = WorkAccountPtr(present_account()), callback = std::move(callback)](Args... args) {
        const WorkScope scope(account.get());
        callback(std::forward<Args>(args)...);
      };
}

/// Processor time that the calling thread has used.
Duration thread_processor_time();

/// Turns what the accounts of a loop say into processor time.
///
/// Reading the clock costs a quarter of asking the kernel for a thread's processor time, but also
/// counts while another thread has the processor. So what the accounts say together is held against
/// what the thread has used, and cut to it.
/// THREADS: the loop's.
class WorkMeter {
 public:
  /// `used` tells the processor time of the loop's thread.
  explicit WorkMeter(std::function<Duration()> used = thread_processor_time);

  /// An account that is counted in for as long as somebody else holds it.
  WorkAccountPtr open();

  /// Brings what WorkAccount::processor_time says up to now.
  void settle();

 private:
  std::function<Duration()> used_;
  /// What used_ said when accounts were last settled.
  Duration settled_;
  std::vector<WorkAccountPtr> accounts_;
};

}  // namespace voicectl
