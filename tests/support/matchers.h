// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "base/result.h"

namespace voicectl {

inline void PrintTo(const Error& error, std::ostream* out) {
  *out << name_of(error.code()) << " \"" << error.text() << "\"";
}
inline void PrintTo(ErrorCode code, std::ostream* out) {
  *out << name_of(code);
}
template <typename T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  if (result.has_error()) {
    PrintTo(result.error(), out);
  } else {
    *out << "success";
  }
}

/// A Result or Status without an error.
MATCHER(IsOk, negation ? "fails" : "is a success") {
  if (arg.has_error()) {
    *result_listener << "which fails with " << name_of(arg.error().code()) << " \""
                     << arg.error().text() << "\"";
  }
  return arg.has_value();
}

/// A Result whose value matches: EXPECT_THAT(files.read(...), IsOkAnd(Optional("x"))).
MATCHER_P(IsOkAnd, value, negation ? "is not that success" : "is a success with a value that ...") {
  if (arg.has_error()) {
    *result_listener << "which fails with " << name_of(arg.error().code()) << " \""
                     << arg.error().text() << "\"";
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

/// A Result or Status that failed with this code and whose message begins as ours do.
MATCHER_P(FailsWith, code, "fails with " + std::string(name_of(code))) {
  if (arg.has_value()) {
    *result_listener << "which is a success";
    return false;
  }
  *result_listener << "which fails with " << name_of(arg.error().code()) << " \""
                   << arg.error().text() << "\"";
  return arg.error().code() == code && arg.error().message().starts_with("cannot ");
}

}  // namespace voicectl
