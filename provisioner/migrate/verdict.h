// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/result.h"
#include "runtime/handoff/protocol.h"

namespace voicectl {

/// Who has a tenant after a hand-over, as far as the daemon was told.
///
///   source says        target says       it is
///   handed over        anything          moved      (the target may have died since)
///   kept               anything          kept
///   nothing            that it serves    moved      (the source died after the last word)
///   nothing            anything else     undecided  (the source may be dead, hung, or never began)
enum class Verdict { kMoved, kKept, kUndecided };
inline constexpr std::size_t kVerdicts = static_cast<std::size_t>(Verdict::kUndecided) + 1;

Verdict judge(const Result<handoff::HandOverReport>& source, const Status& target);

/// Why it was not moved, as the one of both knows who was not just left alone by the other.
Error why_not_moved(const Result<handoff::HandOverReport>& source, const Status& target);

/// What to do about a tenant that was not moved.
///
///   kept, its requests took too long        again, more patiently
///   kept, the two have its configuration    the source is given the recorded one, then again
///     in different generations
///   kept, the two do not understand each    the old way: its WebSockets are told to come again
///     other (another version)
///   kept for any other reason               nothing: it is served where it was
///   undecided                               the old way, which also finds out
enum class Remedy { kAgain, kConfigure, kLend, kLeave };
Remedy remedy_for(Verdict verdict, const Error& why);

}  // namespace voicectl
