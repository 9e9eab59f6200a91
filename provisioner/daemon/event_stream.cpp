// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/event_stream.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/daemon/log_stream.h"

namespace voicectl {
namespace {

constexpr std::size_t kEventsAtOnce = 1000;

/// `missed` events were between the one before and this, and are not kept any more.
std::string render_event(const EventRecord& event, std::int64_t missed) {
  const Result<Json> detail = parse_json(event.detail);
  Json line = {{"number", event.number},
               {"at", format_wall_time(event.at)},
               {"name", event.name},
               {"subject", event.subject},
               {"detail", detail.has_value() ? *detail : Json::object()}};
  if (missed > 0) {
    line["missed"] = missed;
  }
  return dump_json(line) + "\n";
}

}  // namespace

void EventStream::show(RegistryQueue& registry,
                       std::shared_ptr<ResponseStream> stream,
                       std::int64_t after) {
  std::shared_ptr<EventStream>(new EventStream(registry, std::move(stream), after))->read_on();
}

void EventStream::follow(RegistryQueue& registry,
                         EventLog& events,
                         std::shared_ptr<ResponseStream> stream,
                         std::int64_t after) {
  const std::shared_ptr<EventStream> self(new EventStream(registry, stream, after));
  self->is_following_ = true;
  const FollowerId follower =
      events.follow([self](const EventRecord& event) { self->take(event); });
  self->unfollow_ = [&events, follower] { events.unfollow(follower); };
  stream->on_gone(self->unfollow_);
  self->read_on();
}

void EventStream::take(const EventRecord& event) {
  is_caught_up_ = is_caught_up_ && stream_->unsent() <= kMostUnsent;
  if (is_caught_up_) {
    write(event);
  } else {
    has_missed_ = true;
    if (!is_reading_) {
      read_when_drained();
    }
  }
}

void EventStream::read_on() {
  is_reading_ = true;
  registry_.run<std::vector<EventRecord>>(
      [last = last_](Registry& registry) { return registry.read_events(last, kEventsAtOnce); },
      [self = shared_from_this()](const Result<std::vector<EventRecord>>& events) {
        self->is_reading_ = false;
        if (events.has_error()) {
          self->fail(events.error());
        } else {
          self->take_batch(*events);
        }
      });
}

/// Whoever reads must not take a broken disk for "nothing happened": the stream ends without an
/// end.
void EventStream::fail(const Error& why) {
  if (unfollow_) {
    // A stream that we end does not tell that it has gone.
    std::exchange(unfollow_, nullptr)();
  }
  if (stream_->is_open()) {
    stream_->write(
        dump_json({{"error", {{"code", name_of(why.code())}, {"message", why.text()}}}}) + "\n");
    stream_->end();
  }
}

void EventStream::read_when_drained() {
  is_reading_ = true;
  stream_->on_drained([self = shared_from_this()] { self->read_on(); });
}

void EventStream::take_batch(const std::vector<EventRecord>& events) {
  for (const EventRecord& event : events) {
    write(event);
  }
  if (!stream_->is_open()) {
    return;
  }
  if (events.size() == kEventsAtOnce || std::exchange(has_missed_, false)) {
    read_when_drained();
  } else if (is_following_) {
    is_caught_up_ = true;
  } else {
    stream_->end();
  }
}

void EventStream::write(const EventRecord& event) {
  if (event.number > last_) {
    // Numbers have no gaps. Whoever begins at the beginning misses nothing that it knew of.
    const std::int64_t missed = last_ > 0 ? event.number - last_ - 1 : 0;
    last_ = event.number;
    stream_->write(render_event(event, missed));
  }
}

}  // namespace voicectl
