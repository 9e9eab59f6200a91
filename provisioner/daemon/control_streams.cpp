// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that go on: events and logs.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/event_stream.h"
#include "provisioner/daemon/log_stream.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

HttpResponse stream_head() {
  return HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, ""};
}

bool is_following(const HttpRequest& request) {
  return query_or(request, "follow", "") == "1";
}

}  // namespace

void ControlServer::stream_events(const Call& call) {
  const std::int64_t after =
      std::max<std::int64_t>(0, std::atoll(query_or(call.request, "after", "0").c_str()));
  const std::shared_ptr<ResponseStream> stream = call.responder->stream(stream_head());
  if (is_following(call.request)) {
    EventStream::follow(deps_.registry, deps_.events, stream, after);
  } else {
    EventStream::show(deps_.registry, stream, after);
  }
}

void ControlServer::stream_logs(const Call& call) {
  LogStream::Filter filter{query_or(call.request, "tenant", ""), std::nullopt};
  if (const Status known = require_known(filter.tenant); known.has_error()) {
    refuse(call, known.error());
    return;
  }
  if (const std::string since = query_or(call.request, "since", ""); !since.empty()) {
    const std::chrono::seconds span(
        std::clamp<std::int64_t>(std::atoll(since.c_str()), 0, std::int64_t{1} << 32));
    filter.not_before = deps_.wall.now() - span;
  }
  const LogStart start = filter.not_before ? LogStart::kOldestFile : LogStart::kPresentFile;
  const std::string only = query_or(call.request, "instance", "");
  std::map<std::string, LogTail> files;
  for (const InstanceView& view : deps_.instances.observe()) {
    if (only.empty() || view.instance.str() == only) {
      const std::string path = deps_.paths.log + "/instances/" + view.instance.str() + ".log";
      files.emplace("instance/" + view.instance.str(), LogTail(path, start));
    }
  }
  if (!only.empty() && files.empty()) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find instance '{}'", only.substr(0, 80))));
    return;
  }
  if (only.empty()) {
    files.emplace("voicectld", LogTail(deps_.paths.log + "/voicectld.log", start));
    if (filter.tenant.empty()) {
      files.emplace("edge", LogTail(deps_.paths.log + "/edge/error.log", start));
    }
  }
  LogStream::begin(deps_.reactor, call.responder->stream(stream_head()), std::move(files),
                   std::move(filter),
                   is_following(call.request) ? LogStream::End::kNever : LogStream::End::kAtEnd);
}

}  // namespace voicectl
