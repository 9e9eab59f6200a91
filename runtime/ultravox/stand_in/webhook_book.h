// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// A UUID of version 4.
std::string make_uuid(Random& random);

/// The webhooks that an account has registered: they hear of every call.
class WebhookBook {
 public:
  struct Webhook {
    std::string webhook_id;
    WallTime created{};
    std::set<std::string> events;
    Callback target;
  };

  /// Reads the body of POST /api/webhooks; a secret is made if none is given.
  /// ERRORS: kInvalidArgument.
  Result<Webhook> add(const Json& body, WallTime now, Random& random);

  /// Null if there is none.
  const Webhook* find(const std::string& webhook_id) const;
  /// False if there is none.
  bool remove(const std::string& webhook_id);
  const std::map<std::string, Webhook>& all() const { return webhooks_; }

  /// Who wants to hear of such an event.
  std::vector<Callback> targets(std::string_view event) const;

 private:
  std::map<std::string, Webhook> webhooks_;
};

/// The webhook object of the API.
std::string render_webhook(const WebhookBook::Webhook& webhook);

}  // namespace voicectl::ultravox
