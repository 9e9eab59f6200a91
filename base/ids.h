// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace voicectl {

/// A name that was checked once, where it entered the system, and is valid from then on.
///
/// `Tag` supplies `static Status check(std::string_view)` and `kWhat` for messages.
template <typename Tag>
class StrongId {
 public:
  /// ERRORS: kInvalidArgument, saying what is allowed.
  static Result<StrongId> parse(std::string_view text) {
    VC_TRY(Tag::check(text));
    return StrongId(std::string(text));
  }

  const std::string& str() const { return text_; }

  friend auto operator<=>(const StrongId&, const StrongId&) = default;

 private:
  explicit StrongId(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// RFC 1123 label in lower case, 1 to 63 characters, no "--" in positions 3 and 4 (the form that
/// IDNA reserves).
Status check_label(std::string_view text, std::string_view what);

/// RFC 1123 host name in lower case: labels joined by dots, at most 253 characters, at least two.
Status check_host_name(std::string_view text, std::string_view what);

struct TenantTag {
  static Status check(std::string_view text) { return check_label(text, "tenant name"); }
};
struct InstanceTag {
  static Status check(std::string_view text) { return check_label(text, "instance name"); }
};
struct HostNameTag {
  static Status check(std::string_view text) { return check_host_name(text, "host name"); }
};
struct SessionTag {
  /// `<tenant>_<random>`: a tenant name, an underscore, 16 to 64 characters of [a-z0-9].
  static Status check(std::string_view text);
};

/// The slug of a tenant: its subdomain, its folder, its name everywhere.
using TenantId = StrongId<TenantTag>;

/// The name of a supervised process, such as "shared-0" or "dedicated-mario-pizza".
using InstanceId = StrongId<InstanceTag>;

/// A host name such as "mario-pizza.qastco.com", checked and in lower case.
using HostName = StrongId<HostNameTag>;

/// A session's name, such as "mario-pizza_2f0c9b7d54e8a1c6".
using SessionId = StrongId<SessionTag>;

}  // namespace voicectl

template <typename Tag>
struct std::hash<voicectl::StrongId<Tag>> {
  std::size_t operator()(const voicectl::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
