// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/command.h"

namespace voicectl {

/// The lock that changes of the platform are made under, from before the plan is made until the
/// apply has ended.
///
/// While a question waits for its answer it is renewed. The daemon keeps it as long as the apply
/// runs, and ends it then, whatever becomes of this program. OWNS: the lock; gives it back.
class PlatformLock {
 public:
  /// Waits at most `patience` for whoever has it, and says who that is.
  /// ERRORS: kConflict, naming the holder.
  static Result<std::unique_ptr<PlatformLock>> take(CommandContext& context,
                                                    DaemonClient& daemon,
                                                    const std::string& purpose,
                                                    std::chrono::seconds patience);
  ~PlatformLock();
  PlatformLock(const PlatformLock&) = delete;
  PlatformLock& operator=(const PlatformLock&) = delete;

  std::int64_t token() const { return token_; }
  /// An apply has begun under it: that ends it.
  void leave_to_apply() { is_left_ = true; }

 private:
  PlatformLock(CommandContext& context, DaemonClient& daemon, std::int64_t token);

  CommandContext& context_;
  DaemonClient& daemon_;
  std::int64_t token_;
  bool is_left_ = false;
};

/// How this program names itself as holder: "ann@build-3:4711".
std::string name_of_holder(const CommandContext& context);

/// Adds --lock-timeout. REQUIRES: `patience` outlives `app`.
void add_lock_timeout(CLI::App& app, std::chrono::seconds& patience);

}  // namespace voicectl
