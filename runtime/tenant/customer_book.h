// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

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

/// Recognises callers by their number and remembers what they came for. What is remembered is
/// gathered for a moment and stored together: it must not cost each tool call a write of its own.
///
/// THREADS: loop thread only.
class CustomerBook {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit CustomerBook(TenantScope& scope);
  ~CustomerBook();
  CustomerBook(const CustomerBook&) = delete;
  CustomerBook& operator=(const CustomerBook&) = delete;

  /// Whoever has the number; nobody if it is none or cannot be looked up: a call must not fail
  /// because its caller is not recognised. May run within the call.
  void recognise(const std::string& phone, Completion<std::optional<Customer>> done);

  /// The customer of that number is being stored with what `recognise` said of them: what waits to
  /// be stored is part of it.
  void stored_with_session(const std::string& phone);
  /// Stores what waits, then goes on: the store is about to be closed.
  void finish(std::function<void()> then);

 private:
  /// What is remembered and not stored yet.
  struct News {
    std::string phone;
    std::string name;
    std::string data;
    /// What the store has; absent until it has said so.
    std::optional<std::optional<Customer>> known = {};
  };

  void note(const SessionEvent& event);
  void flush();
  Customer with_news(const std::optional<Customer>& known, const News& news) const;

  TenantScope& scope_;
  /// By phone_key.
  std::unordered_map<std::string, News> news_;
  std::optional<TimerId> timer_;
  std::shared_ptr<void> watch_;
  std::shared_ptr<CustomerBook*> self_;
};

}  // namespace voicectl::runtime
