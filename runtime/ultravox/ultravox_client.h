// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/file_system.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/net/http_client.h"
#include "runtime/ultravox/call.h"

namespace voicectl::ultravox {

/// Why the service did not do what it was asked.
struct UltravoxError {
  Error error;
  /// Its answer; absent when there was none (time-out, no connection).
  std::optional<int> status;
  /// How long it asks us to wait before the next try (429 and 503).
  std::optional<std::chrono::seconds> retry_after;
};

[[noreturn]] void throw_exception_from_error(const UltravoxError& error,
                                             const boost::source_location&);

/// The value, or why there is none. Used like Result: has_error(), error(), *result.
template <typename T>
using UltravoxResult = boost::system::result<T, UltravoxError>;

/// Called once, in a later turn of the loop.
template <typename T>
using UltravoxCompletion = std::function<void(UltravoxResult<T>)>;

/// Gives the API key when a request needs it, so that a new key needs no restart.
using ApiKeySource = std::function<Result<Secret>()>;

/// Always the same key.
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
/// no connection); kTimeout; kNotFound (404); kConflict (409, 422: the call is not live);
/// kInvalidArgument (400); kCorrupt (an answer that makes no sense). What the key source says is
/// passed on.
/// THREADS: loop thread only. Completions do not run once the client is gone.
class UltravoxClient {
 public:
  /// REQUIRES: `http` outlives it; `options.api_key` is set.
  UltravoxClient(HttpClient& http, UltravoxOptions options);
  ~UltravoxClient();
  UltravoxClient(const UltravoxClient&) = delete;
  UltravoxClient& operator=(const UltravoxClient&) = delete;

  /// Creates a call. Success has a call id and a join URL.
  /// ERRORS also: kInvalidArgument, before anything is sent, for a request that the service would
  /// refuse (tool name, schema that is no JSON, time-out out of range).
  void create_call(const CallRequest& request, UltravoxCompletion<Call> done);

  /// Hangs up. A call that has ended already is success; whether it did is told by its event.
  void end_call(const std::string& call_id, UltravoxCompletion<void> done);

  void fetch_call(const std::string& call_id, UltravoxCompletion<Call> done);

  /// Everything that was said, of all stages, oldest first; pages are joined (at most 50).
  void list_messages(const std::string& call_id, UltravoxCompletion<std::vector<CallMessage>> done);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl::ultravox
