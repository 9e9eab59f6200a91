// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace voicectl {

/// One call of the control API that asked for a change: who, from where, what, and what came of it.
struct AuditRecord {
  /// Given by the registry, ascending.
  std::int64_t number = 0;
  WallTime at{};
  /// User of the process that asked, as the kernel says.
  std::uint32_t uid = 0;
  /// That process, as the kernel says; 0 if it was not known.
  std::int32_t pid = 0;
  /// What that process said of itself: "ann@build-3:4711 voicectl/0.1.0". Not checked.
  std::string from{};
  /// Who asked, in its own words.
  std::string who{};
  /// "apply", "key.revoke".
  std::string what{};
  /// "tenant/mario-pizza"; "platform" if it was about all of it.
  std::string subject{};
  /// JSON object: what was asked for, without documents and without secrets.
  std::string detail = "{}";
  /// "done", "partial", "failed", "refused"; empty while it goes on, and for good if the daemon
  /// died meanwhile.
  std::string result{};
  /// Why it was refused or failed.
  std::string message{};
};

struct AuditFilter {
  std::optional<WallTime> since{};
  std::optional<WallTime> until{};
  /// Exactly this subject; empty: any.
  std::string subject{};
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  std::size_t limit = 100;
};

/// How many records are kept: the newest. The registry refuses to erase those, or to change what
/// one of them says.
inline constexpr std::int64_t kKeptAuditRecords = 100'000;

/// Part of Registry; its rules hold.
class AuditStore {
 public:
  virtual ~AuditStore() = default;

  /// Returns its number.
  virtual Result<std::int64_t> append_audit(const AuditRecord& record) = 0;
  /// Says once what came of it. ERRORS: kAlreadyExists if that was said.
  virtual Status close_audit(std::int64_t number,
                             const std::string& result,
                             const std::string& message) = 0;
  /// Newest first.
  virtual Result<std::vector<AuditRecord>> read_audit(const AuditFilter& filter) = 0;
};

}  // namespace voicectl
