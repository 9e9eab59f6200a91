// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "runtime/net/http_message.h"

namespace voicectl::ultravox {

/// What goes wrong on purpose, so that a test can see what a client makes of it.
class Faults {
 public:
  /// Reads `{"create": "429", "retry_after": 2, "times": 1}`. "create" is a status of 400 to 599,
  /// "timeout" (no answer at all) or "off"; without "times" it lasts until it is switched off.
  /// ERRORS: kInvalidArgument.
  Status set(const Json& body);

  /// The fault for one creation of a call, which it uses up: an answer, or none at all.
  struct Fault {
    std::optional<HttpResponse> answer;
  };
  std::optional<Fault> take_for_create();

  /// The faults that are switched on, as JSON.
  std::string render() const;

 private:
  std::string create_ = "off";
  std::optional<std::int64_t> retry_after_;
  std::optional<std::int64_t> times_left_;
};

}  // namespace voicectl::ultravox
