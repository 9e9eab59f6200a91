// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

/// Calls as Ultravox's REST API knows them, as typed values. The names follow the API's own.
namespace voicectl::ultravox {

/// Where a parameter of a tool travels in the request that Ultravox makes.
enum class ParameterLocation { kQuery, kPath, kHeader, kBody };

/// A JSON Schema, as JSON text. Copies share the text and what reading it said, for the same few
/// schemas go out with every call.
class JsonSchema {
 public:
  /// Any text.
  JsonSchema();
  explicit JsonSchema(std::string text);

  const std::string& text() const { return read_->text; }
  bool is_object() const { return read_->is_object; }

 private:
  struct Read {
    std::string text;
    bool is_object = false;
  };
  std::shared_ptr<const Read> read_;
};

/// A parameter that the model fills in.
struct DynamicParameter {
  std::string name;
  ParameterLocation location = ParameterLocation::kBody;
  /// Of the value.
  JsonSchema schema = JsonSchema();
  bool required = true;
};

/// A parameter that has the same value in every call of the tool. The model never sees it.
struct StaticParameter {
  std::string name;
  ParameterLocation location = ParameterLocation::kBody;
  /// Sent as JSON text when it travels in the body (`"\"pizza\""`, `5`), else as it stands.
  std::string value;
};

/// What Ultravox fills in by itself.
enum class KnownValue { kCallId, kConversationHistory, kCallState, kCallStageId, kCallMetadata };

struct AutomaticParameter {
  std::string name;
  ParameterLocation location = ParameterLocation::kBody;
  KnownValue known_value = KnownValue::kCallId;
};

/// What Ultravox adds to every request of a tool, so that the receiver knows it.
struct ToolToken {
  /// Name of the header, such as "X-Voicectl-Tool-Token"; empty: Authorization, as `scheme` says.
  std::string header;
  Secret token;
  /// "token" makes it "Authorization: token <token>".
  std::string scheme = {};
};

/// How long Ultravox waits for a tool at most; the conversation stands still meanwhile.
inline constexpr Duration kDefaultToolTimeout = std::chrono::milliseconds(2500);
inline constexpr Duration kMaxToolTimeout = std::chrono::seconds(40);

/// A temporary HTTP tool of one call.
struct UltravoxTool {
  /// 1 to 64 characters of [a-zA-Z0-9_-], unique in its call.
  std::string name;
  std::string description;
  std::string method = "POST";
  /// Address, with `{name}` where path parameters go.
  std::string url;
  Duration timeout = kDefaultToolTimeout;
  std::vector<DynamicParameter> dynamic_parameters;
  std::vector<StaticParameter> static_parameters;
  std::vector<AutomaticParameter> automatic_parameters;
  std::optional<ToolToken> token;
};

/// Where one kind of event of a call is to be posted, and the keys that sign it.
struct Callback {
  std::string url;
  std::vector<Secret> secrets;
};

/// Callbacks of one call. There is none for its start.
struct CallCallbacks {
  std::optional<Callback> joined;
  std::optional<Callback> ended;
  std::optional<Callback> billed;
};

enum class FirstSpeaker { kAgent, kUser };

/// How the customer's side is connected: a browser with Ultravox's own client library, or anyone
/// who can open a WebSocket and send sound through it.
enum class CallMedium { kWebRtc, kServerWebSocket };

/// Sound on a server WebSocket, samples per second both ways.
inline constexpr int kSampleRate = 48'000;

struct CallRequest {
  std::string system_prompt;
  /// Id or name of a voice; empty takes the service's default. So do the next two.
  std::string voice;
  /// BCP 47, such as "en" or "de-AT"; at most 16 characters.
  std::string language_hint;
  std::string model;
  FirstSpeaker first_speaker = FirstSpeaker::kAgent;
  /// What the agent says first, word by word; empty lets the model choose. Only with kAgent.
  std::string greeting;
  std::vector<UltravoxTool> tools;
  CallCallbacks callbacks;
  /// Kept with the call and sent with its events. Keys must not begin with "ultravox.".
  std::map<std::string, std::string> metadata;
  CallMedium medium = CallMedium::kWebRtc;
  Duration join_timeout = std::chrono::seconds(30);
  Duration max_duration = std::chrono::seconds(3600);
  bool recording_enabled = false;
};

enum class EndReason {
  kUnjoined,  ///< nobody came before the join time-out
  kHangup,    ///< the customer, or a request over the API
  kAgentHangup,
  kTimeout,  ///< the longest duration was reached
  kConnectionError,
  kSystemError,
  kUnknown,  ///< a reason that this version does not know
};
/// As the API writes it: "agent_hangup".
std::string_view name_of(EndReason reason);
EndReason end_reason_named(std::string_view name);

/// What the service tells about a call. Absent means that it has not happened, or was not told.
struct Call {
  std::string call_id;
  /// Where the customer's client connects; some media have none.
  std::optional<std::string> join_url;
  std::optional<WallTime> created;
  std::optional<WallTime> joined;
  std::optional<WallTime> ended;
  std::optional<EndReason> end_reason;
  /// Billed length.
  std::optional<Duration> billed_duration;
  std::string summary;
  std::string short_summary;
  std::map<std::string, std::string> metadata;
};

enum class MessageRole { kUser, kAgent, kToolCall, kToolResult, kUnknown };

/// One line of a conversation. The messages of a call are its transcript.
struct CallMessage {
  MessageRole role = MessageRole::kUnknown;
  std::string text;
  std::string tool_name;
  std::string invocation_id;
};

}  // namespace voicectl::ultravox
