// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/net/connection_state.h"

namespace voicectl {

/// For base/record_codec.h.
template <typename Visit>
void visit_fields(Visit& visit, ConnectionState& state) {
  auto& [is_websocket, unread, continue_sent, unsent, tag, fragment_opcode, fragments, close_sent,
         sent_code, unanswered_pings, control_frames, counted_since, note, deadline] = state;
  visit("is_websocket", is_websocket);
  visit("unread", unread);
  visit("continue_sent", continue_sent);
  visit("unsent", unsent);
  visit("tag", tag);
  visit("fragment_opcode", fragment_opcode);
  visit("fragments", fragments);
  visit("close_sent", close_sent);
  visit("sent_code", sent_code);
  visit("unanswered_pings", unanswered_pings);
  visit("control_frames", control_frames);
  visit("counted_since", counted_since);
  visit("note", note);
  visit("deadline", deadline);
}

}  // namespace voicectl
