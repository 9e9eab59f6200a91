// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"
#include "runtime/session/session.h"
#include "runtime/session/session_book.h"
#include "runtime/ultravox/events.h"

namespace voicectl::runtime {

enum class Delivery {
  kNew,
  kRepeated,  ///< it took effect before; to be acknowledged again, without effect
  kForeign,   ///< of another call than the session's present one: kept, without effect
};

/// What a delivery is to the session that it names. The same call and event are the same delivery.
Delivery judge_delivery(const Session& session, const ultravox::CallEvent& event);

/// What a new delivery does to its session. Pure.
///
///   started, joined   ready, initializing -> active
///   ended             -> completed, or failed if nobody joined
///   billed            notes the billed duration
///   unknown           is kept
///
/// A session that has ended stays as it is and only learns times and durations: events may come
/// in any order.
Change change_for(const Session& session, const ultravox::CallEvent& event, WallTime now);

/// The delivery as it is kept.
InboxEntry inbox_entry(const ultravox::CallEvent& event, std::string body, WallTime now);

}  // namespace voicectl::runtime
