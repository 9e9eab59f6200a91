// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/fake_services.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl::bench {
namespace {

std::string render(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: keep-alive\r\n\r\n{}",
      status, body.size(), body);
}

/// A Call as the service answers it: mostly nulls, 1.2 KB.
constexpr std::string_view kCall =
    R"({{"callId":"{0:08x}-1c5b-4d0e-9f2a-3b6a7c8d9e0f","clientVersion":null,)"
    R"("created":"2026-11-21T10:00:00.123456Z","joined":null,"ended":null,"endReason":null,)"
    R"("billedDuration":null,"billedSideInputTokens":null,"billedSideOutputTokens":null,)"
    R"("billingStatus":"BILLING_STATUS_PENDING","firstSpeaker":"FIRST_SPEAKER_AGENT",)"
    R"("firstSpeakerSettings":{{"agent":{{"uninterruptible":false,"text":null,"prompt":null,)"
    R"("delay":null}}}},"inactivityMessages":[],"initialOutputMedium":"MESSAGE_MEDIUM_VOICE",)"
    R"("joinTimeout":"30s","joinUrl":"wss://voice.ultravox.ai/calls/{0:08x}-1c5b-4d0e-9f2a-)"
    R"(3b6a7c8d9e0f","languageHint":"en","maxDuration":"3600s","medium":{{"webRtc":{{}}}},)"
    R"("model":"ultravox-v0.7","recordingEnabled":false,"systemPrompt":"You are the voice agent )"
    R"(of the restaurant. Speak briefly and kindly.","temperature":0.0,"timeExceededMessage":null,)"
    R"("voice":"Mark","externalVoice":null,"voiceOverrides":null,"transcriptOptional":true,)"
    R"("vadSettings":null,"shortSummary":null,"summary":null,"agent":null,"agentId":null,)"
    R"("experimentalSettings":null,"metadata":{{}},"initialState":{{}},"requestContext":{{}},)"
    R"("dataConnectionConfig":null,"callbacks":null,"sipDetails":null}})";

/// What a whitelisted method of the restaurant's logic answers.
constexpr std::string_view kPlacedOrder =
    R"({{"message":{{"success":true,"order_id":"VRO-{:08}","total_amount":46.97,)"
    R"("estimated_time":15,"status":"Confirmed","message":"Order placed"}}}})";

/// A document as it reads back after it was made.
constexpr std::string_view kDocument =
    R"({{"data":{{"name":"VRO-{0:08}","owner":"voice@example.com","creation":)"
    R"("2026-11-21 10:00:00.123456","modified":"2026-11-21 10:00:00.123456","modified_by":)"
    R"("voice@example.com","docstatus":0,"idx":0,"status":"Confirmed","doctype":"{1}"}}}})";

/// The part of a path behind the last slash.
std::string_view last_part(std::string_view path) {
  path = path.substr(0, path.find('?'));
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

class FakeServices::Client final : public Stream {
 public:
  Client(FakeServices& host, EventLoop& loop, UniqueFd socket)
      : Stream(loop, std::move(socket)), host_(host) {}

 private:
  std::size_t on_received(std::string_view bytes) override {
    std::size_t taken = 0;
    std::string out;
    while (true) {
      const HttpMessage request = take_message(bytes.substr(taken));
      if (request.size == 0) {
        break;
      }
      out += host_.answer(request);
      taken += request.size;
    }
    if (!out.empty()) {
      send(out);
    }
    return taken;
  }
  void on_closed() override {}

  FakeServices& host_;
};

FakeServices::FakeServices(EventLoop& loop, std::uint16_t port)
    : loop_(loop), listener_(listen_at(port)) {
  loop_.add(listener_.get(), *this);
}

FakeServices::~FakeServices() {
  loop_.remove(listener_.get());
}

void FakeServices::on_ready(std::uint32_t) {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket.is_open()) {
    clients_.push_back(std::make_unique<Client>(*this, loop_, std::move(socket)));
  }
}

std::string FakeServices::tool_token(const std::string& session) const {
  const auto found = tokens_.find(session);
  return found == tokens_.end() ? std::string() : found->second;
}

std::string FakeServices::answer(const HttpMessage& request) {
  ++requests_;
  const std::string_view line = request.start_line;
  const std::size_t first = line.find(' ');
  const std::string_view method = line.substr(0, first);
  const std::string_view path = line.substr(first + 1, line.rfind(' ') - first - 1);
  const bool is_voice = path.starts_with("/api/calls");
  return is_voice ? answer_voice(method, path, request.body)
                  : answer_erp(method, path, request.body);
}

std::string FakeServices::answer_voice(std::string_view method,
                                       std::string_view path,
                                       std::string_view body) {
  if (method == "POST" && path == "/api/calls") {
    if (remembers_) {
      remember(body);
    }
    return render("201 Created", fmt::format(fmt::runtime(kCall), requests_));
  }
  if (method == "POST") {
    return "HTTP/1.1 204 No Content\r\n\r\n";
  }
  return render("200 OK", R"({"next":null,"previous":null,"results":[],"total":0})");
}

std::string FakeServices::answer_erp(std::string_view method,
                                     std::string_view path,
                                     std::string_view) {
  if (path.starts_with("/api/method/")) {
    return render("200 OK", fmt::format(fmt::runtime(kPlacedOrder), requests_));
  }
  if (method == "GET") {
    return render("200 OK", R"({"data":[]})");
  }
  return render("200 OK", fmt::format(fmt::runtime(kDocument), requests_, last_part(path)));
}

void FakeServices::remember(std::string_view call) {
  const Result<Json> parsed = parse_json(call);
  if (parsed.has_error() || !parsed->contains("metadata")) {
    return;
  }
  const std::string session = string_or(parsed->at("metadata"), "session_id", "");
  for (const Json& tool : parsed->value("selectedTools", Json::array())) {
    for (const auto& token : tool.value("authTokens", Json::object())) {
      tokens_[session] = token.get<std::string>();
    }
  }
}

}  // namespace voicectl::bench
