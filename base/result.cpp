// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <array>
#include <stdexcept>

namespace voicectl {
namespace {

struct NamedCode {
  ErrorCode code;
  std::string_view name;
};

constexpr std::array kCodes = {
    NamedCode{ErrorCode::kInvalidArgument, "invalid_argument"},
    NamedCode{ErrorCode::kNotFound, "not_found"},
    NamedCode{ErrorCode::kAlreadyExists, "already_exists"},
    NamedCode{ErrorCode::kConflict, "conflict"},
    NamedCode{ErrorCode::kFenced, "fenced"},
    NamedCode{ErrorCode::kResourceExhausted, "resource_exhausted"},
    NamedCode{ErrorCode::kPermissionDenied, "permission_denied"},
    NamedCode{ErrorCode::kUnavailable, "unavailable"},
    NamedCode{ErrorCode::kTimeout, "timeout"},
    NamedCode{ErrorCode::kCancelled, "cancelled"},
    NamedCode{ErrorCode::kCorrupt, "corrupt"},
    NamedCode{ErrorCode::kInternal, "internal"},
};
static_assert(kCodes.size() == static_cast<std::size_t>(ErrorCode::kInternal) + 1,
              "every code has a name");

}  // namespace

std::string_view name_of(ErrorCode code) {
  return kCodes.at(static_cast<std::size_t>(code)).name;
}

ErrorCode error_code_named(std::string_view name) {
  for (const NamedCode& known : kCodes) {
    if (known.name == name) {
      return known.code;
    }
  }
  return ErrorCode::kInternal;
}

std::string Error::text() const {
  std::string out;
  for (auto it = context_.rbegin(); it != context_.rend(); ++it) {
    out += *it;
    out += ": ";
  }
  return out + message_;
}

Error Error::with_context(std::string context) && {
  context_.push_back(std::move(context));
  return std::move(*this);
}

Error Error::with_context(std::string context) const& {
  Error copy = *this;
  copy.context_.push_back(std::move(context));
  return copy;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("value of a failed result was used: " + error.text());
}

}  // namespace voicectl
