// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "runtime/net/http_server.h"
#include "runtime/ultravox/stand_in/call_book.h"
#include "runtime/ultravox/stand_in/faults.h"

namespace voicectl::ultravox {

/// A development server that speaks the parts of Ultravox's API that voicectl uses. README.md
/// beside this file says which, and what it is not.
///
/// THREADS: loop thread only.
class StandIn {
 public:
  struct Options {
    CallBook::Options calls;
    /// What X-API-Key must hold; without it nothing is checked.
    std::optional<Secret> api_key;
    /// "http://127.0.0.1:41234", for the addresses of further pages.
    std::string api_base;
  };

  /// REQUIRES: all that `deps` refers to outlives it.
  StandIn(CallBook::Deps deps, ScriptBook scripts, Options options);

  /// Answers one request: the handler of an HttpServer.
  void answer(const HttpRequest& request, std::shared_ptr<Responder> responder);

 private:
  using Answer = std::shared_ptr<Responder>;
  /// Parts of a path: {"api", "calls", "<id>"}.
  using Path = std::vector<std::string>;

  bool is_authorised(const HttpRequest& request) const;
  void answer_api(const HttpRequest& request, const Path& path, const Answer& answer);
  void answer_calls(const HttpRequest& request, const Answer& answer);
  void answer_call(const HttpRequest& request, const Path& path, const Answer& answer);
  void answer_webhooks(const HttpRequest& request, const Answer& answer);
  void answer_webhook(const HttpRequest& request, const std::string& id, const Answer& answer);
  void answer_dev(const HttpRequest& request, const Path& path, const Answer& answer);
  void create_call(const HttpRequest& request, const Answer& answer);
  void upgrade(const std::string& call_id, const Answer& answer);
  HttpResponse messages(const HttpRequest& request, const CallRecord& call) const;

  Options options_;
  const WallClock& clock_;
  Random& random_;
  CallBook calls_;
  Faults faults_;
  /// Requests that a fault leaves without an answer.
  std::vector<Answer> unanswered_;
};

}  // namespace voicectl::ultravox
