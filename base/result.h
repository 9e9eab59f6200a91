// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace voicectl {

/// Kinds of failure. Whether to try again follows from the kind, never from the text.
enum class ErrorCode {
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kConflict,  ///< the world moved since the caller looked
  kFenced,    ///< the caller's fencing token is old
  kResourceExhausted,
  kPermissionDenied,
  kUnavailable,  ///< try again
  kTimeout,
  kCancelled,
  kCorrupt,
  kInternal,
};

/// The stable snake_case name used in JSON answers and logs, such as "not_found".
std::string_view name_of(ErrorCode code);

/// The code with that name; kInternal for a name this version does not know.
ErrorCode error_code_named(std::string_view name);

/// A failure as a value: a code, a message that starts with "cannot", and the context that callers
/// added on the way up.
class Error {
 public:
  /// For Boost's result, which needs one to exist; never seen by a caller that asked has_error().
  Error() : code_(ErrorCode::kInternal) {}
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }

  /// What the place that failed said, without context.
  const std::string& message() const { return message_; }

  /// Everything for a person to read: outermost context first, then the message.
  std::string text() const;

  /// The same error with one more line of context, for example "starting instance 'shared-0'".
  Error with_context(std::string context) &&;
  Error with_context(std::string context) const&;

  friend bool operator==(const Error&, const Error&) = default;

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> context_;  // innermost first
};

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

/// The value, or the Error that kept it from existing.
template <typename T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

/// Success, or an Error.
using Status = Result<void>;

inline Status ok_status() {
  return Status();
}

/// Called once with what came of an asynchronous operation, on the loop that started it.
template <typename T>
using Completion = std::function<void(Result<T>)>;

}  // namespace voicectl

#define VC_CONCAT_INNER(a, b) a##b
#define VC_CONCAT(a, b) VC_CONCAT_INNER(a, b)
#define VC_TRY_1(name, expression) \
  auto name = (expression);        \
  if (name.has_error()) {          \
    return name.error();           \
  }
#define VC_TRY_2(name, declaration, ...) \
  VC_TRY_1(name, (__VA_ARGS__))          \
  declaration = std::move(*name)
#define VC_TRY_PICK(x, ...) VC_TRY_1##__VA_OPT__(0)
#define VC_TRY_10 VC_TRY_2

/// `VC_TRY(status_expression);` or `VC_TRY(const Port port, lease_port(tenant));`: returns the
/// error to the caller, otherwise goes on with the value. The only control-flow macro.
#define VC_TRY(...) \
  VC_CONCAT(VC_TRY_PICK(__VA_ARGS__), )(VC_CONCAT(vc_try_, __COUNTER__), __VA_ARGS__)
