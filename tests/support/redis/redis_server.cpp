// SPDX-License-Identifier: Apache-2.0
#include "tests/support/redis/redis_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>

namespace voicectl {

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
  start();
}

RedisServer::~RedisServer() {
  kill();
}

void RedisServer::start() {
  // setpriv: a test that crashes must not leave a server behind.
  std::vector<std::string> words = {"setpriv",
                                    "--pdeathsig",
                                    "KILL",
                                    "redis-server",
                                    "--port",
                                    "0",
                                    "--unixsocket",
                                    socket(),
                                    "--dir",
                                    folder_.path(),
                                    "--logfile",
                                    folder_.path("log"),
                                    "--save",
                                    "",
                                    "--enable-debug-command",
                                    "local"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  const int outcome = ::posix_spawnp(&pid_, "setpriv", nullptr, nullptr, argv.data(), environ);
  ASSERT_EQ(outcome, 0) << "cannot start redis-server: install the packages redis-server and "
                           "util-linux";
}

void RedisServer::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

void RedisServer::freeze() {
  ::kill(pid_, SIGSTOP);
}

void RedisServer::thaw() {
  ::kill(pid_, SIGCONT);
}

RedisAddress RedisServer::address() const {
  RedisAddress address;
  address.unix_socket = socket();
  return address;
}

RedisOptions RedisServer::client_options() const {
  RedisOptions options;
  options.address = address();
  // A busy machine may start a server slowly; no test waits for these times when all is well.
  options.connect_timeout = std::chrono::seconds(5);
  options.answer_timeout = std::chrono::seconds(15);
  options.reconnect = {.first = std::chrono::milliseconds(5), .cap = std::chrono::milliseconds(50)};
  return options;
}

RedisConsole::RedisConsole(RealLoop& loop, const RedisServer& server)
    : loop_(loop), client_(loop.reactor(), random_, server.client_options()) {}

RedisReply RedisConsole::ask(std::initializer_list<std::string_view> words) {
  std::optional<RedisAnswer> answer;
  client_.send(RedisCommands().add(words),
               [&answer](RedisAnswer got) { answer.emplace(std::move(got)); });
  loop_.run_until([&answer] { return answer.has_value(); }, std::chrono::seconds(20));
  if (!answer || answer->failure) {
    ADD_FAILURE() << (answer ? answer->failure->error.text() : "no answer of the Redis server");
    return RedisReply{};
  }
  return answer->replies.front();
}

std::vector<std::string> RedisConsole::keys() {
  std::vector<std::string> names;
  for (const RedisReply& name : ask({"KEYS", "*"}).elements) {
    names.push_back(name.text);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace voicectl
