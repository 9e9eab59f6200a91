// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/session/session_event.h"
#include "runtime/session/stored_values.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// What tells one customer from another: the digits of a telephone number, international ones with
/// a "+" in front ("0043 660/123" and "+43 (0)660 123" are one). Empty if there are too few digits
/// to mean anybody. Pure.
std::string phone_key(std::string_view phone);

/// The customer after one more session. Pure.
Customer with_session(std::optional<Customer> known,
                      const std::string& phone,
                      const std::string& name,
                      WallTime now);

/// What an agent may know of somebody who called before: {"name","sessions","last_seen",
/// "last_outcome"?,"last_reference"?}; "{}" for a new caller. Pure.
std::string recognised(const std::optional<Customer>& known);

/// Recognises callers by their number and remembers what they came for.
///
/// THREADS: loop thread only.
class CustomerBook {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit CustomerBook(TenantScope& scope);
  CustomerBook(const CustomerBook&) = delete;
  CustomerBook& operator=(const CustomerBook&) = delete;

  /// Whoever has the number; nobody if it is none or cannot be looked up: a call must not fail
  /// because its caller is not recognised. May run within the call.
  void recognise(const std::string& phone, Completion<std::optional<Customer>> done);

 private:
  void note(const SessionEvent& event);
  void remember(std::optional<Customer> known,
                const std::string& phone,
                const std::string& name,
                const std::string& data);

  TenantScope& scope_;
  std::shared_ptr<void> watch_;
  std::shared_ptr<CustomerBook*> self_;
};

}  // namespace voicectl::runtime
