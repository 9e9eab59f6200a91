// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/ultravox_client.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "runtime/ultravox/wire.h"

namespace voicectl::ultravox {
namespace {

constexpr std::size_t kMaxKeyFile = 4096;
constexpr int kMaxPages = 50;

/// Text of all messages that are kept of one call; the rest of a longer one is left out.
constexpr std::size_t kMaxMessageBytes = std::size_t{8} << 20;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Anything but visible ASCII could end the header that carries the key.
bool fits_a_header(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Result<Secret> read_key(FileSystem& files, const std::string& path) {
  VC_TRY(const std::optional<std::string> content, files.read(path, kMaxKeyFile));
  if (!content) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot read the Ultravox API key: there is no file '{}'", path));
  }
  const std::string_view key = trimmed(*content);
  if (key.empty() || !fits_a_header(key)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the Ultravox API key in '{}': the file must hold the key "
                             "and nothing else",
                             path));
  }
  return Secret(std::string(key));
}

}  // namespace

void throw_exception_from_error(const UltravoxError& error, const boost::source_location&) {
  throw std::logic_error("a value was taken from an error: " + error.error.text());
}

ApiKeySource fixed_api_key(Secret key) {
  return [key = std::move(key)]() -> Result<Secret> { return key; };
}

ApiKeySource api_key_from_file(FileSystem& files, std::string path) {
  return [&files, path = std::move(path)] { return read_key(files, path); };
}

struct UltravoxClient::Inner : std::enable_shared_from_this<UltravoxClient::Inner> {
  using OnAnswer = std::function<void(Result<HttpResponse>)>;

  Inner(Reactor& loop, HttpClient& client, UltravoxOptions given)
      : reactor(loop), http(client), options(std::move(given)) {}

  /// Runs `done` in a later turn, unless the client is gone by then.
  void fail(Error error, const OnAnswer& done) {
    reactor.post([weak = weak_from_this(), error = std::move(error), done] {
      if (!weak.expired()) {
        done(error);
      }
    });
  }

  void send(std::string method, std::string url, std::string body, const OnAnswer& done) {
    const Result<Secret> key = options.api_key();
    if (key.has_error()) {
      return fail(key.error(), done);
    }
    HttpCall call;
    call.method = std::move(method);
    call.url = std::move(url);
    call.headers = {{"Accept", "application/json"}};
    if (!key->empty()) {
      call.headers.emplace_back("X-API-Key", key->reveal());
    }
    if (!body.empty()) {
      call.headers.emplace_back("Content-Type", "application/json");
    }
    call.body = std::move(body);
    call.timeout = options.timeout;
    http.send(std::move(call), [weak = weak_from_this(), done](Result<HttpResponse> answer) {
      if (!weak.expired()) {
        done(std::move(answer));
      }
    });
  }

  /// Tells a call something; one that is not live has nothing to be told.
  void send_data_message(const std::string& call_id,
                         std::string message,
                         std::string what,
                         UltravoxCompletion<void> done);

  std::string call_url(const std::string& call_id) const {
    return fmt::format("{}/calls/{}", options.endpoint, call_id);
  }

  Reactor& reactor;
  HttpClient& http;
  UltravoxOptions options;
};

namespace {

/// Reads an answer with `read`, or passes on why there is none.
template <typename T, typename Read>
UltravoxResult<T> read_answer(const Result<HttpResponse>& answer,
                              std::string_view what,
                              const Read& read) {
  if (answer.has_error()) {
    ErrorCode code = answer.error().code();
    if (code == ErrorCode::kResourceExhausted) {
      // One answer that is too long is no reason to leave the service alone.
      code = ErrorCode::kCorrupt;
    } else if (code == ErrorCode::kPermissionDenied) {
      // Whoever answers there cannot prove to be the service.
      code = ErrorCode::kUnavailable;
    }
    return UltravoxError{Error(code, answer.error().message())
                             .with_context(fmt::format("asking Ultravox to {}", what))};
  }
  return read(*answer);
}

/// Joins the pages of a list, following the addresses that the service gives.
template <typename Inner>
class MessageReader : public std::enable_shared_from_this<MessageReader<Inner>> {
 public:
  MessageReader(Inner& client, UltravoxCompletion<std::vector<CallMessage>> done)
      : client_(client), done_(std::move(done)) {}

  void fetch(const std::string& url) {
    client_.send("GET", url, "", [self = this->shared_from_this()](Result<HttpResponse> answer) {
      self->take(read_answer<MessagePage>(answer, "list the messages of a call", read_messages));
    });
  }

 private:
  void take(UltravoxResult<MessagePage> page) {
    if (page.has_error()) {
      return done_(page.error());
    }
    for (CallMessage& message : page->messages) {
      bytes_ += message.text.size() + sizeof message;
      messages_.push_back(std::move(message));
    }
    // The key goes along with every request, so an address elsewhere is not followed.
    const bool more = page->next && page->next->starts_with(client_.options.endpoint + "/calls/");
    if (!more || ++pages_ == kMaxPages || bytes_ > kMaxMessageBytes) {
      return done_(std::move(messages_));
    }
    fetch(*page->next);
  }

  Inner& client_;
  UltravoxCompletion<std::vector<CallMessage>> done_;
  std::vector<CallMessage> messages_;
  int pages_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

void UltravoxClient::Inner::send_data_message(const std::string& call_id,
                                              std::string message,
                                              std::string what,
                                              UltravoxCompletion<void> done) {
  const auto on_answer = [what = std::move(what),
                          done = std::move(done)](Result<HttpResponse> answer) {
    done(read_answer<void>(answer, what, [&what](const HttpResponse& response) {
      constexpr int kNotLive = 422;
      return response.status == kNotLive ? UltravoxResult<void>()
                                         : read_acknowledgement(response, what);
    }));
  };
  if (const Status usable = check_call_id(call_id); usable.has_error()) {
    return fail(usable.error(), on_answer);
  }
  send("POST", call_url(call_id) + "/send_data_message", std::move(message), on_answer);
}

UltravoxClient::UltravoxClient(Reactor& reactor, HttpClient& http, UltravoxOptions options)
    : inner_(std::make_shared<Inner>(reactor, http, std::move(options))) {
  VC_CHECK(inner_->options.api_key != nullptr, "a client is made with a source of its key");
}

UltravoxClient::~UltravoxClient() = default;

void UltravoxClient::create_call(const CallRequest& request, UltravoxCompletion<Call> done) {
  const auto on_answer = [done = std::move(done)](Result<HttpResponse> answer) {
    done(read_answer<Call>(answer, "create a call", read_created_call));
  };
  if (const Status valid = check_request(request); valid.has_error()) {
    return inner_->fail(valid.error(), on_answer);
  }
  inner_->send("POST", inner_->options.endpoint + "/calls", render_call_request(request),
               on_answer);
}

void UltravoxClient::end_call(const std::string& call_id, UltravoxCompletion<void> done) {
  inner_->send_data_message(call_id, R"({"type":"hang_up"})", "hang up", std::move(done));
}

void UltravoxClient::send_text(const std::string& call_id,
                               const std::string& text,
                               UltravoxCompletion<void> done) {
  const Json message = {{"type", "user_text_message"}, {"text", text}, {"urgency", "soon"}};
  inner_->send_data_message(call_id, dump_json(message), "tell the agent", std::move(done));
}

void UltravoxClient::fetch_call(const std::string& call_id, UltravoxCompletion<Call> done) {
  const auto on_answer = [done = std::move(done)](Result<HttpResponse> answer) {
    done(read_answer<Call>(answer, "read a call", read_call));
  };
  if (const Status usable = check_call_id(call_id); usable.has_error()) {
    return inner_->fail(usable.error(), on_answer);
  }
  inner_->send("GET", inner_->call_url(call_id), "", on_answer);
}

void UltravoxClient::list_messages(const std::string& call_id,
                                   UltravoxCompletion<std::vector<CallMessage>> done) {
  if (const Status usable = check_call_id(call_id); usable.has_error()) {
    return inner_->fail(usable.error(), [done = std::move(done)](Result<HttpResponse> answer) {
      done(UltravoxError{answer.error()});
    });
  }
  std::make_shared<MessageReader<Inner>>(*inner_, std::move(done))
      ->fetch(inner_->call_url(call_id) + "/messages?mode=in_call");
}

}  // namespace voicectl::ultravox
