// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that go on: events and logs.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/log_tail.h"

namespace voicectl {
namespace {

constexpr std::size_t kEventsAtOnce = 1000;
/// How often followed log files are looked at. A file system tells of changes by inotify, but not
/// of a rotation in the same breath; a look costs one stat per file.
constexpr Duration kLogInterval = std::chrono::milliseconds(200);

HttpResponse stream_head() {
  return HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, ""};
}

std::string render_event(const EventRecord& event) {
  const Result<Json> detail = parse_json(event.detail);
  return dump_json({{"number", event.number},
                    {"at", format_wall_time(event.at)},
                    {"name", event.name},
                    {"subject", event.subject},
                    {"detail", detail.has_value() ? *detail : Json::object()}}) +
         "\n";
}

std::string query_or(const HttpRequest& request, const std::string& key, std::string fallback) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::move(fallback) : found->second;
}

/// One reader of logs: which files, and what of them.
struct LogReader {
  std::shared_ptr<ResponseStream> stream;
  std::map<std::string, LogTail> files;
  std::string tenant;
  /// Lines that begin with an earlier time are left out; empty: all.
  std::string not_before;
  bool is_following = false;
};

bool is_wanted(const LogReader& reader, const std::string& line) {
  // Our lines begin with an RFC 3339 time, which orders as text does.
  const bool has_time = line.size() > 24 && line[4] == '-' && line[10] == 'T';
  if (has_time && line < reader.not_before) {
    return false;
  }
  if (reader.tenant.empty()) {
    return true;
  }
  const std::string field = " tenant=" + reader.tenant;
  const std::size_t at = line.find(field);
  return at != std::string::npos &&
         (at + field.size() == line.size() || line[at + field.size()] == ' ');
}

enum class Drained { kAll, kMaybeMore };

/// Shows a piece of each file.
Drained drain(LogReader& reader) {
  Drained outcome = Drained::kAll;
  for (auto& [source, tail] : reader.files) {
    for (const std::string& line : tail.next()) {
      outcome = Drained::kMaybeMore;
      if (is_wanted(reader, line)) {
        reader.stream->write(dump_json({{"source", source}, {"line", line}}) + "\n");
      }
    }
  }
  return outcome;
}

void follow(Reactor& reactor, const std::shared_ptr<LogReader>& reader) {
  if (!reader->stream->is_open()) {
    return;
  }
  const auto go_on = [&reactor, reader] { follow(reactor, reader); };
  if (drain(*reader) == Drained::kMaybeMore) {
    // In a turn of its own: long logs must not keep the loop from everything else.
    reactor.post(go_on);
  } else if (reader->is_following) {
    reactor.call_after(kLogInterval, go_on);
  } else {
    reader->stream->end();
  }
}

}  // namespace

void ControlServer::stream_events(const Call& call) {
  const std::int64_t after =
      std::max<std::int64_t>(0, std::atoll(query_or(call.request, "after", "0").c_str()));
  const bool is_following = query_or(call.request, "follow", "") == "1";
  const std::shared_ptr<ResponseStream> stream = call.responder->stream(stream_head());
  // Events that come while the old ones are read wait here, so that none is missed or repeated.
  struct Reading {
    std::int64_t last = 0;
    bool is_caught_up = false;
    std::vector<EventRecord> waiting;
  };
  auto reading = std::make_shared<Reading>();
  reading->last = after;
  const auto show = [stream, reading](const EventRecord& event) {
    if (event.number > reading->last) {
      reading->last = event.number;
      stream->write(render_event(event));
    }
  };
  std::optional<FollowerId> follower;
  if (is_following) {
    follower = deps_.events.follow([reading, show](const EventRecord& event) {
      if (reading->is_caught_up) {
        show(event);
      } else {
        reading->waiting.push_back(event);
      }
    });
    stream->on_gone([this, id = *follower] { deps_.events.unfollow(id); });
  }
  auto read_on = std::make_shared<std::function<void()>>();
  const std::weak_ptr<std::function<void()>> weak = read_on;
  *read_on = [this, weak, reading, show, stream, is_following] {
    const auto self = weak.lock();
    deps_.registry.run<std::vector<EventRecord>>(
        [last = reading->last](Registry& registry) {
          return registry.read_events(last, kEventsAtOnce);
        },
        [self, reading, show, stream,
         is_following](const Result<std::vector<EventRecord>>& events) {
          for (const EventRecord& event :
               events.has_value() ? *events : decltype(reading->waiting){}) {
            show(event);
          }
          if (events.has_value() && events->size() == kEventsAtOnce && stream->is_open()) {
            (*self)();
            return;
          }
          reading->is_caught_up = true;
          for (const EventRecord& event : std::exchange(reading->waiting, {})) {
            show(event);
          }
          if (!is_following) {
            stream->end();
          }
        });
  };
  (*read_on)();
}

void ControlServer::stream_logs(const Call& call) {
  auto reader = std::make_shared<LogReader>();
  reader->tenant = query_or(call.request, "tenant", "");
  reader->is_following = query_or(call.request, "follow", "") == "1";
  if (const std::string since = query_or(call.request, "since", ""); !since.empty()) {
    const std::chrono::seconds span(
        std::clamp<std::int64_t>(std::atoll(since.c_str()), 0, std::int64_t{1} << 32));
    reader->not_before = format_wall_time(deps_.wall.now() - span);
  }
  const LogStart start =
      reader->not_before.empty() ? LogStart::kPresentFile : LogStart::kOldestFile;
  const std::string only = query_or(call.request, "instance", "");
  for (const InstanceView& view : deps_.instances.observe()) {
    if (only.empty() || view.instance.str() == only) {
      const std::string path = deps_.paths.log + "/instances/" + view.instance.str() + ".log";
      reader->files.emplace("instance/" + view.instance.str(), LogTail(path, start));
    }
  }
  if (!only.empty() && reader->files.empty()) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find instance '{}'", only.substr(0, 80))));
    return;
  }
  if (only.empty()) {
    reader->files.emplace("voicectld", LogTail(deps_.paths.log + "/voicectld.log", start));
    if (reader->tenant.empty()) {
      reader->files.emplace("edge", LogTail(deps_.paths.log + "/edge/error.log", start));
    }
  }
  reader->stream = call.responder->stream(stream_head());
  follow(deps_.reactor, reader);
}

}  // namespace voicectl
