// SPDX-License-Identifier: Apache-2.0

// The smallest program that an InstanceManager takes for an instance: it greets, holds what it is
// lent, gives it back, and prints what it is told to.
//
// echo_instance --instance <name> [--ignore-stop] [--die-at-start]

#include <fmt/core.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/os/asio_reactor.h"
#include "base/os/fd_channel.h"
#include "base/os/unique_fd.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

struct Lent {
  std::int64_t generation = 0;
  std::int64_t token = 0;
  std::vector<UniqueFd> listeners;
};

class EchoInstance {
 public:
  explicit EchoInstance(bool ignores_stop) : ignores_stop_(ignores_stop) {
    reactor_.watch_readable(control::kControlDescriptor, [this] { accept_daemon(); });
  }

  void run() { reactor_.run(); }

 private:
  void accept_daemon() {
    UniqueFd socket(
        ::accept4(control::kControlDescriptor, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) {
      return;
    }
    channel_ = channels_.adopt(std::move(socket));
    channel_->start({.on_message =
                         [this](const std::string& text, std::vector<UniqueFd> descriptors) {
                           take(text, std::move(descriptors));
                         },
                     .on_close = [] {}});
  }

  void take(const std::string& text, std::vector<UniqueFd> descriptors) {
    const Result<control::Message> question = control::decode(text);
    if (question.has_error() || !question->id) {
      return;
    }
    const Json body = *parse_json(question->body);
    if (question->type == control::request::kHello) {
      reply(*question, control::reply::kReady, {{"version", "echo"}, {"pid", ::getpid()}});
    } else if (question->type == control::request::kLend) {
      tenants_[string_or(body, "tenant", "")] = Lent{
          integer_or(body, "generation", 0), integer_or(body, "token", 0), std::move(descriptors)};
      reply(*question, control::reply::kOk, Json::object());
    } else if (question->type == control::request::kRegain) {
      give_back(*question);
    } else if (question->type == control::request::kStop) {
      reply(*question, control::reply::kOk, Json::object());
      if (!ignores_stop_) {
        reactor_.stop();
      }
    } else {
      print(body);
      reply(*question, control::reply::kOk, body);
    }
  }

  /// {"print": text, "times": n}
  static void print(const Json& body) {
    for (std::int64_t line = 0; line < integer_or(body, "times", 0); ++line) {
      const std::string text = fmt::format("{} {}\n", string_or(body, "print", ""), line);
      // Unbuffered and unchecked: a full log loses lines.
      (void)!::write(STDOUT_FILENO, text.data(), text.size());
    }
  }

  void give_back(const control::Message& question) {
    for (const auto& [tenant, lent] : tenants_) {
      const Json body = {
          {"tenant", tenant}, {"generation", lent.generation}, {"token", lent.token}};
      const control::Message part{std::string(control::reply::kListener), std::nullopt, question.id,
                                  dump_json(body)};
      (void)channel_->send(control::encode(part),
                           {lent.listeners.at(0).get(), lent.listeners.at(1).get()});
    }
    reply(question, control::reply::kOk, {{"count", tenants_.size()}});
  }

  void reply(const control::Message& question, std::string_view type, const Json& body) {
    (void)channel_->send(
        control::encode({std::string(type), std::nullopt, question.id, dump_json(body)}), {});
  }

  bool ignores_stop_;
  AsioReactor reactor_;
  PosixFdChannelFactory channels_{reactor_, reactor_};
  std::unique_ptr<FdChannel> channel_;
  std::map<std::string, Lent> tenants_;
};

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  bool ignores_stop = false;
  for (int index = 1; index < argc; ++index) {
    const std::string_view argument = argv[index];
    if (argument == "--die-at-start") {
      std::fputs("cannot open the store: it is broken\n", stderr);
      return 3;
    }
    ignores_stop = ignores_stop || argument == "--ignore-stop";
  }
  if (ignores_stop) {
    std::signal(SIGTERM, SIG_IGN);
  }
  voicectl::EchoInstance(ignores_stop).run();
  return 0;
}
