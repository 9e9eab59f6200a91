// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/file_system.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/net/http_client.h"
#include "runtime/ultravox/call.h"
#include "runtime/ultravox/ultravox_error.h"

namespace voicectl::ultravox {

/// Gives the API key when a request needs it, so that a new key needs no restart.
using ApiKeySource = std::function<Result<Secret>()>;

/// Always the same key; an empty one is not sent (the stand-in asks for none by itself).
ApiKeySource fixed_api_key(Secret key);

/// The content of a file without surrounding white space, read at every request.
/// REQUIRES: `files` outlives the source.
ApiKeySource api_key_from_file(FileSystem& files, std::string path);

struct UltravoxOptions {
  /// Base address without a slash at its end: "https://api.ultravox.ai/api".
  std::string endpoint = "https://api.ultravox.ai/api";
  ApiKeySource api_key;
  /// How long one request may take.
  Duration timeout = std::chrono::seconds(10);
};

/// Speaks Ultravox's REST API. Never retries by itself: a call that was created twice costs twice.
///
/// ERRORS of every request: kPermissionDenied (401, 403: the key, or what it may do);
/// kResourceExhausted (402, 429: payment, rate, concurrency; see retry_after); kUnavailable (5xx,
/// no connection, or a certificate that does not verify); kTimeout; kNotFound (404); kConflict
/// (409, 422); kInvalidArgument (400); kCorrupt (an answer that makes no sense). What the key
/// source says is passed on. THREADS: loop thread only. Completions do not run once the client is
/// gone.
class UltravoxClient {
 public:
  /// REQUIRES: `reactor` and `http` outlive it; `options.api_key` is set.
  UltravoxClient(Reactor& reactor, HttpClient& http, UltravoxOptions options);
  ~UltravoxClient();
  UltravoxClient(const UltravoxClient&) = delete;
  UltravoxClient& operator=(const UltravoxClient&) = delete;

  /// Creates a call. Success has a call id and a join URL.
  /// ERRORS also: kInvalidArgument, before anything is sent, for a request that the service would
  /// refuse (tool name, schema that is no JSON, time-out out of range).
  void create_call(const CallRequest& request, UltravoxCompletion<Call> done);

  /// Hangs up. A call that is not live is success: it has ended, or nobody came, and then its join
  /// time-out ends it. That it ended is told by its event.
  void end_call(const std::string& call_id, UltravoxCompletion<void> done);

  /// Sends the agent a text message, as a caller could, to be taken up as soon as it can. A call
  /// that is not live is success.
  void send_text(const std::string& call_id,
                 const std::string& text,
                 UltravoxCompletion<void> done);

  void fetch_call(const std::string& call_id, UltravoxCompletion<Call> done);

  /// Everything that was said, of all stages, oldest first; pages are joined (at most 50,
  /// and no more once there are 8 MiB).
  void list_messages(const std::string& call_id, UltravoxCompletion<std::vector<CallMessage>> done);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl::ultravox
