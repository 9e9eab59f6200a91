// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/net/http_server.h"

namespace voicectl {

/// What an answer said came of a call: "done", "partial", "failed", "refused"; and why.
struct CallOutcome {
  std::string result;
  std::string message;
};

/// Passes an answer on, and tells once what it said: of a plain one by its status, of a stream like
/// apply's by its last line. One that is dropped unanswered tells nothing.
std::shared_ptr<Responder> tell_outcome(std::shared_ptr<Responder> responder,
                                        std::function<void(const CallOutcome&)> on_outcome);

}  // namespace voicectl
