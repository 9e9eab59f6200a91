// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/net/http_message.h"
#include "runtime/ultravox/call.h"
#include "runtime/ultravox/ultravox_error.h"

/// Values to and from what travels: no connection, no time.
namespace voicectl::ultravox {

/// Whether the service would take the request: names of tools, schemas, lengths, metadata.
/// ERRORS: kInvalidArgument.
Status check_request(const CallRequest& request);

/// The body of POST /api/calls. REQUIRES: check_request(request) is success.
/// It holds secrets: not for logs.
std::string render_call_request(const CallRequest& request);

/// A call id may become part of a path. ERRORS: kInvalidArgument.
Status check_call_id(std::string_view call_id);

/// Reads a call object, with whatever it has; a member of another type counts as absent.
/// ERRORS: kCorrupt without a call id that can be used.
Result<Call> parse_call(const Json& object);

/// Reads the answer to a creation: exactly 201, a call id and a join URL.
UltravoxResult<Call> read_created_call(const HttpResponse& response);

/// Reads the answer to GET /api/calls/<id>.
UltravoxResult<Call> read_call(const HttpResponse& response);

/// Success for any 2xx; `what` is what was tried ("hang up call 'x'").
UltravoxResult<void> read_acknowledgement(const HttpResponse& response, std::string_view what);

/// One page of a list.
struct MessagePage {
  std::vector<CallMessage> messages;
  /// Address of the next page.
  std::optional<std::string> next;
};
UltravoxResult<MessagePage> read_messages(const HttpResponse& response);

}  // namespace voicectl::ultravox
