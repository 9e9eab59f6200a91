// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/cli_app.h"
#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fixed_clock.h"

namespace voicectl {

/// A daemon that answers what it was told to, and remembers what it was asked.
struct FakeDaemon {
  struct Question {
    std::string method;
    std::string target;
    std::string body;
  };
  /// "GET /v1/status" -> answers, of which the last one is given again and again.
  std::map<std::string, std::vector<Result<Json>>> answers;
  /// "POST /v1/apply" -> lines.
  std::map<std::string, std::vector<std::string>> streams;
  /// "POST /v1/apply" -> why nothing is streamed.
  std::map<std::string, Error> refusals;
  /// Called when a stream has been read, with its question.
  std::function<void(const std::string&)> after_stream = [](const std::string&) {};
  std::vector<Question> questions;
  std::vector<std::string> sockets;

  void answer(const std::string& question, Result<Json> with) {
    answers[question].push_back(std::move(with));
  }
  /// The body of the first question of that kind.
  Json body_of(const std::string& question) const { return body_in(questions, question); }
  Json last_body_of(const std::string& question) const {
    return body_in({questions.rbegin(), questions.rend()}, question);
  }
  bool was_asked(const std::string& question) const {
    return std::any_of(questions.begin(), questions.end(), [&](const Question& asked) {
      return asked.method + " " + asked.target == question;
    });
  }

 private:
  static Json body_in(const std::vector<Question>& asked, const std::string& question) {
    for (const Question& one : asked) {
      if (one.method + " " + one.target == question) {
        return Json::parse(one.body);
      }
    }
    ADD_FAILURE() << "nobody asked " << question;
    return Json();
  }
};

class FakeDaemonClient final : public DaemonClient {
 public:
  explicit FakeDaemonClient(FakeDaemon& daemon) : daemon_(daemon) {}

  Result<Json> call(std::string_view method,
                    std::string_view target,
                    const std::string& body) override {
    const std::string question = std::string(method) + " " + std::string(target);
    daemon_.questions.push_back({std::string(method), std::string(target), body});
    auto& left = daemon_.answers[question];
    if (left.empty()) {
      return Error(ErrorCode::kUnavailable, "cannot reach voicectld: nobody answers " + question);
    }
    const Result<Json> next = left.front();
    if (left.size() > 1) {
      left.erase(left.begin());
    }
    return next;
  }

  Status stream(std::string_view method,
                std::string_view target,
                const std::string& body,
                const OnLine& on_line) override {
    const std::string question = std::string(method) + " " + std::string(target);
    daemon_.questions.push_back({std::string(method), std::string(target), body});
    if (const auto refused = daemon_.refusals.find(question); refused != daemon_.refusals.end()) {
      return refused->second;
    }
    const auto found = daemon_.streams.find(question);
    if (found == daemon_.streams.end()) {
      return Error(ErrorCode::kUnavailable, "cannot reach voicectld: nobody streams " + question);
    }
    for (const std::string& line : found->second) {
      VC_TRY(on_line(line));
    }
    daemon_.after_stream(question);
    return ok_status();
  }

 private:
  FakeDaemon& daemon_;
};

/// Programs that run until they are signalled or told to end.
class FakeProgramHost final : public ProgramHost {
 public:
  struct Program {
    LaunchSpec spec;
    bool is_running = true;
  };
  std::map<int, Program> programs;
  std::vector<std::pair<int, int>> signals;
  /// Programs whose name contains this end as soon as they are started.
  std::string ends_at_once;
  bool ignores_sigterm = false;
  /// As if we were killed just after the program began.
  bool dies_before_start_returns = false;
  /// Somebody else has every lock.
  bool is_locked = false;
  /// Runs for each program that goes on running, with the path of its log.
  std::function<void(const LaunchSpec& spec, const std::string& log)> on_start;
  /// The same for one that ends at once.
  std::function<void(const LaunchSpec& spec, const std::string& log)> on_death;

  Result<ProcessIdentity> start(const LaunchSpec& spec, const std::string& log) override {
    const int pid = next_pid_++;
    if (spec.before_run) {
      VC_TRY(spec.before_run(ProcessIdentity{pid, 7, "boot"}));
    }
    if (dies_before_start_returns) {
      programs[pid] = {spec, true};
      return Error(ErrorCode::kCancelled, "cannot go on: killed");
    }
    const bool dies =
        !ends_at_once.empty() && spec.argv.front().find(ends_at_once) != std::string::npos;
    programs[pid] = {spec, !dies};
    if (const auto& hook = dies ? on_death : on_start) {
      hook(spec, log);
    }
    return ProcessIdentity{pid, 7, "boot"};
  }
  bool is_running(const ProcessIdentity& who) override {
    return programs.count(who.pid) > 0 && programs[who.pid].is_running;
  }
  Status signal(const ProcessIdentity& who, int number) override {
    signals.emplace_back(who.pid, number);
    programs[who.pid].is_running = ignores_sigterm && number != 9;
    return ok_status();
  }
  WaitOutcome wait_for_end(const ProcessIdentity& who, Duration limit) override {
    now_ += limit;
    return is_running(who) ? WaitOutcome::kStillRunning : WaitOutcome::kEnded;
  }
  Result<FileLock> lock(const std::string& path) override {
    if (is_locked) {
      return Error(ErrorCode::kConflict, "cannot take lock '" + path + "': another has it");
    }
    return FileLock(UniqueFd());
  }
  int own_pid() override { return 50; }
  bool is_in_use(int pid) override { return pid == 50 || programs.contains(pid); }
  MonoTime now() override { return now_; }
  void pause(Duration length) override { now_ += length; }

  std::optional<int> find(const std::string& name) const {
    for (const auto& [pid, program] : programs) {
      if (program.is_running && program.spec.argv.front().ends_with("/" + name)) {
        return pid;
      }
    }
    return std::nullopt;
  }
  void end(const std::string& name) {
    if (const std::optional<int> pid = find(name)) {
      programs[*pid].is_running = false;
    }
  }

 private:
  int next_pid_ = 100;
  MonoTime now_{std::chrono::seconds(1000)};
};

/// The whole program on fakes: run a command line, look at what it printed and asked.
class CliTest : public ::testing::Test {
 protected:
  CliTest() { serve_lock(); }

  ExitCode run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    Console console{in_, out_, err_, is_terminal_};
    console.wait_for_input = wait_for_input_;
    const ConnectDaemon connect = [this](const std::string& socket) {
      daemon_.sockets.push_back(socket);
      return std::make_unique<FakeDaemonClient>(daemon_);
    };
    CommandContext context{console, files_, programs_, clock_, surroundings_, connect};
    return run_voicectl(arguments, context);
  }

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  void answer_at_terminal(const std::string& text) {
    is_terminal_ = true;
    in_.str(text + "\n");
  }

  static Json plan_json(std::size_t steps, std::size_t deleted = 0) {
    Json list = Json::array();
    for (std::size_t i = 0; i < steps; ++i) {
      list.push_back({{"number", i},
                      {"symbol", "+"},
                      {"text", "create tenant t" + std::to_string(i)},
                      {"reason", "it is desired"}});
    }
    return {{"schema", "voicectl/plan/v1"},
            {"id", "abcdef0123456789"},
            {"base_generation", 4},
            {"summary", {{"tenants_created", steps}, {"tenants_deleted", deleted}}},
            {"steps", list}};
  }

  /// A daemon with this desired state, that applies anything.
  void serve(const DesiredState& desired, const Json& plan) {
    daemon_.answer("GET /v1/desired",
                   Json{{"generation", 4}, {"document", render_desired_state(desired)}});
    daemon_.answer("POST /v1/plan", Json{{"plan", plan}});
    daemon_.streams["POST /v1/apply"] = {
        R"({"type":"started","plan_id":"abcdef0123456789","steps":1})",
        R"({"type":"step","number":0,"state":"running","text":"create tenant t0"})",
        R"({"type":"step","number":0,"state":"done","text":"create tenant t0","took_ms":12})",
        R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};
  }

  /// A daemon whose lock is free.
  void serve_lock() {
    daemon_.streams["POST /v1/lock"] = {R"({"lock":{"token":7,"holder":"ann@localhost:50"}})"};
    daemon_.answers["DELETE /v1/lock/7"] = {Json{{"token", 7}}};
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  bool is_terminal_ = false;
  std::function<bool(Duration)> wait_for_input_;
  FakeDaemon daemon_;
  FakeFileSystem files_;
  FakeProgramHost programs_;
  FixedWallClock clock_;
  Surroundings surroundings_{
      .variable = [](const std::string&) { return std::optional<std::string>(); },
      .working_directory = "/home/ann",
      .program_directory = "/opt/voicectl/bin",
      .user = "ann",
      .user_id = 1000,
      .program = "this build",
      .cache_directory = ""};
};

}  // namespace voicectl
