// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace voicectl {

/// Who decides over a field of the desired state, or over what follows from it.
enum class FieldOwner {
  kFile,         ///< documents: 'apply -f', 'up -f'
  kCommandLine,  ///< a command that edits the desired state
  kMonitor,  ///< InstanceMonitor, of tenants of tier auto; it sets no field of the desired state
};
/// "file", "command_line", "monitor".
std::string_view name_of(FieldOwner owner);

/// How the command line came to set a field.
struct FieldClaim {
  /// Of the desired state that it came with.
  std::int64_t revision = 0;
  WallTime at{};
  std::string who{};
  std::string why{};
  friend bool operator==(const FieldClaim&, const FieldClaim&) = default;
};

/// Name of the platform's part; others are slugs, and no tenant can have this one.
inline constexpr std::string_view kPlatformPart;

/// The field that is a tenant itself: that it is there.
inline constexpr std::string_view kWholeTenant;

/// Fields of the desired state that the command line has set last, by part and by name within it
/// ("limits.concurrent_sessions"). What is not here is the file's.
using FieldOwners = std::map<std::string, std::map<std::string, FieldClaim>>;

/// Names of fields, by part.
using FieldNames = std::map<std::string, std::set<std::string>>;

/// How owners change with a desired state. What is dropped goes first.
struct FieldOwnersChange {
  /// Go to the command line.
  FieldNames claimed{};
  /// Go to the file, or are there no more.
  FieldNames dropped{};
  bool empty() const { return claimed.empty() && dropped.empty(); }
};

void record_owners(FieldOwners& owners, const FieldOwnersChange& change, const FieldClaim& claim);

/// Whether the map at `field` is one field and not several: a day that is not named is closed.
bool is_one_field(std::string_view field);

/// A platform or tenant, in its canonical form, field by field. Without the slug, which names it,
/// and without the import, which nobody sets.
std::map<std::string, Json> fields_of(const Json& part);

/// Sets `field` in such a part, or takes it out where `value` is null.
void set_field(Json& part, std::string_view field, const Json* value);

}  // namespace voicectl
