// SPDX-License-Identifier: Apache-2.0
// WebSockets that another process goes on with, or went on with before.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/record_codec.h"
#include "runtime/parking/slot.h"
#include "runtime/tenant/live_follower.h"

namespace voicectl::runtime {

/// What another process must know of a follower beside its tag.
///
/// Numbers are noted during a replay only: whatever happens next has a higher one than what a
/// follower was sent that has caught up. So an event that everybody hears changes no note.
struct FollowerNote {
  std::optional<WallTime> session_end;
  std::uint64_t sent = 0;
  /// As in KeptNote.
  bool is_of_tenant = false;
  std::uint64_t last = 0;
  bool replaying = false;
  MonoTime texts_full_at;
};

template <typename Visit>
void visit_fields(Visit& visit, FollowerNote& note) {
  auto& [session_end, sent, is_of_tenant, last, replaying, texts_full_at] = note;
  visit("session_end", session_end);
  visit("sent", sent);
  visit("is_of_tenant", is_of_tenant);
  visit("last", last);
  visit("replaying", replaying);
  visit("texts_full_at", texts_full_at);
}

std::string follower_note_layout() {
  RecordLayout layout;
  layout.describe<FollowerNote>();
  return layout.text();
}

std::string LiveApi::note_of(const Follower& follower) {
  const std::uint64_t sent = follower.tenant_sent.value_or(follower.sent);
  return encode_record(FollowerNote{
      follower.session_end, follower.replaying ? sent : 0, follower.tenant_sent.has_value(),
      follower.replaying ? follower.last : 0, follower.replaying, follower.texts.full_at()});
}

/// What is kept of a follower while it is served: changed with every event that it is sent.
struct KeptNote {
  std::optional<WallTime> session_end;
  std::uint64_t sent = 0;
  /// Although it follows a session, `sent` is a number of the tenant: all of the session up to
  /// there.
  bool is_of_tenant = false;
  MonoTime texts_full_at;
};

template <typename Visit>
void visit_fields(Visit& visit, KeptNote& note) {
  auto& [session_end, sent, is_of_tenant, texts_full_at] = note;
  visit("session_end", session_end);
  visit("sent", sent);
  visit("is_of_tenant", is_of_tenant);
  visit("texts_full_at", texts_full_at);
}

std::string kept_follower_layout() {
  RecordLayout layout;
  layout.describe<KeptNote>();
  // A word of its own, since it goes through messages of words.
  return sha256_hex(fmt::format("{} {}", parking::kSlotVersion, layout.text())).substr(0, 16);
}

void LiveApi::append_kept_note(const Follower& follower, std::string& note) const {
  KeptNote kept{follower.session_end, follower.sent, false, follower.texts.full_at()};
  if (follower.tenant_sent) {
    kept.sent = *follower.tenant_sent;
    kept.is_of_tenant = true;
  } else if (!follower.replaying && follower.sent == 0) {
    // It came from another process, or was told to read everything anew. Whoever is live has had
    // all that was told.
    kept.sent = scope_.hub.last_told();
    kept.is_of_tenant = follower.session.has_value();
  }
  RecordWriter(note).put(kept);
}

Result<LiveApi::FollowerPtr> LiveApi::make_follower(const std::string& tag,
                                                    std::shared_ptr<WebSocket> socket) const {
  const std::size_t mark = std::min(tag.find('#'), tag.size());
  const std::string channel = tag.substr(0, mark);
  auto follower = std::make_shared<Follower>();
  if (channel.starts_with(kSessionTag)) {
    VC_TRY(follower->session, SessionId::parse(channel.substr(kSessionTag.size())));
  } else if (channel != kStaffTag) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot go on with a WebSocket: nothing here has the tag '{}'", tag));
  }
  follower->socket = std::move(socket);
  follower->key_id = mark < tag.size() ? tag.substr(mark + 1) : "";
  return follower;
}

Status LiveApi::recover(const std::string& tag,
                        const std::string& note,
                        std::shared_ptr<WebSocket> socket) {
  VC_TRY(const KeptNote known, decode_record<KeptNote>(note, "what is kept of a follower"));
  VC_TRY(const FollowerPtr follower, make_follower(tag, std::move(socket)));
  follower->session_end = known.session_end;
  follower->place_at(known.sent, known.is_of_tenant);
  follower->texts = TokenBucket(known.texts_full_at);
  listen(follower);
  attach(follower);
  // What was told to others while this one was being told, and what happened since.
  replay(follower);
  return ok_status();
}

Status LiveApi::adopt(const std::string& tag,
                      const std::string& note,
                      std::shared_ptr<WebSocket> socket) {
  VC_TRY(const FollowerNote known, decode_record<FollowerNote>(note, "a follower's note"));
  VC_TRY(const FollowerPtr follower, make_follower(tag, std::move(socket)));
  follower->session_end = known.session_end;
  follower->place_at(known.sent, known.is_of_tenant);
  follower->last = known.last;
  follower->replaying = known.replaying;
  follower->texts = TokenBucket(known.texts_full_at);
  listen(follower);
  attach(follower);
  must_review_ = must_review_ || ending_of(*follower, scope_.clock.now()).has_value();
  if (known.replaying) {
    behind_.push_back(follower);
  }
  return ok_status();
}

void LiveApi::go() {
  is_held_ = false;
  for (const FollowerPtr& follower : std::exchange(behind_, {})) {
    if (follower->socket->is_open()) {
      replay(follower);
    }
  }
  if (std::exchange(must_review_, false)) {
    review();
  } else {
    review_at(first_end_);
  }
}

}  // namespace voicectl::runtime
