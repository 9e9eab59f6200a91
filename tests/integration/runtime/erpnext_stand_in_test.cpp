// SPDX-License-Identifier: Apache-2.0
// The stand-in for ERPNext as the program that developers start.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/crypto.h"
#include "base/json.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_process_spawner.h"
#include "runtime/backend/erpnext/stand_in/site_faults.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kOrderMethod = "/api/method/business_workflows.api.restaurant_logic.place_order";
constexpr const char* kOrder =
    R"({"customer_name":"Ann","company":"Acme","items":[{"item_name":"Pizza","quantity":2}]})";

class ErpnextStandInTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_credentials("key:secret\nwebhook hook\ndirect tool:key\n");
    FreePort port = bind_free_port();
    receiver_.serve(std::move(port.listener));
    webhook_ = "http://127.0.0.1:" + std::to_string(port.number) + "/webhook/acme/order-update";
  }
  void TearDown() override {
    if (is_watched_) {
      loop_.reactor().unwatch(watch_);
    }
    if (!exit_ && process_) {
      (void)spawner_.signal_group(*process_, SIGKILL);  // it may have ended meanwhile
      ends();
    }
  }

  void write_credentials(const std::string& text) {
    ASSERT_THAT(files_.replace_atomically(folder_.path("credentials"), text, kPrivateFile), IsOk());
  }
  void run(std::vector<std::string> arguments) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    out_ = UniqueFd(pipe[0]);
    const UniqueFd inner(pipe[1]);
    LaunchSpec spec;
    spec.argv = {ERPNEXT_STAND_IN_PROGRAM, "--listen", "127.0.0.1:0", "--credentials-file",
                 folder_.path("credentials")};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.descriptors = {{inner.get(), STDOUT_FILENO}, {inner.get(), STDERR_FILENO}};
    const auto process = spawner_.spawn(spec, [this](ProcessExit exit) { exit_ = exit; });
    ASSERT_THAT(process, IsOk());
    process_ = *process;
    is_watched_ = true;
    watch_ = loop_.reactor().watch_readable(out_.get(), [this] { read(); });
  }
  void read() {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(out_.get(), bytes.data(), bytes.size());
    if (count > 0) {
      printed_.append(bytes.data(), static_cast<std::size_t>(count));
    } else {
      loop_.reactor().unwatch(watch_);
      is_watched_ = false;
    }
  }
  void start(std::vector<std::string> arguments = {}) {
    run(std::move(arguments));
    ASSERT_TRUE(loop_.run_until([this] { return printed_.find('\n') != std::string::npos; }));
    base_ = "http://" + member(printed_, "listening");
  }
  bool ends() {
    return loop_.run_until([this] { return exit_.has_value(); });
  }
  HttpResponse ask(const std::string& method,
                   const std::string& path,
                   const std::string& body = "",
                   const std::string& token = "key:secret") {
    HttpCall call;
    call.method = method;
    call.url = base_ + path;
    call.body = body;
    call.headers = {{"Authorization", "token " + token}};
    call.timeout = std::chrono::milliseconds(500);
    std::optional<Result<HttpResponse>> answer;
    http_.send(std::move(call), [&](Result<HttpResponse> got) { answer = std::move(got); });
    EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
    return answer->has_error() ? HttpResponse{0, {}, answer->error().text()} : std::move(**answer);
  }

  TempDir folder_;
  PosixFileSystem files_;
  RealLoop loop_;
  PosixProcessSpawner spawner_{loop_.reactor(), loop_.reactor()};
  HttpClient http_{loop_.reactor()};
  std::vector<HttpRequest> told_;
  HttpServer receiver_{loop_.reactor(),
                       {[this](const HttpRequest& request, const std::shared_ptr<Responder>& to) {
                          told_.push_back(request);
                          to->send({told_.size() == 1 ? 503 : 204, {}, {}});
                        },
                        {}}};
  std::string webhook_;
  UniqueFd out_;
  WatchId watch_{};
  bool is_watched_ = false;
  std::optional<ProcessIdentity> process_;
  std::optional<ProcessExit> exit_;
  std::string printed_;
  std::string base_;
};

TEST_F(ErpnextStandInTest, TakesOrdersFromThoseWhoMayAndEndsWhenAsked) {
  start();

  EXPECT_EQ(ask("GET", "/api/method/ping").status, 200);
  EXPECT_EQ(ask("POST", kOrderMethod, kOrder).status, 200);
  EXPECT_EQ(ask("POST", kOrderMethod, kOrder, "tool:key").status, 200);
  EXPECT_EQ(ask("POST", kOrderMethod, kOrder, "key:guess").status, 401);
  EXPECT_EQ(ask("PATCH", "/api/resource/Voice%20Restaurant%20Order/DOC-00001", "{}").status, 404);
  EXPECT_EQ(ask("GET", "/api/resource/Voice%20Restaurant%20Order/DOC-00001").status, 200);
  EXPECT_EQ(ask("DELETE", "/api/resource/Voice%20Restaurant%20Order/DOC-00001").status, 202);
  ASSERT_THAT(spawner_.signal_group(*process_, SIGTERM), IsOk());
  ASSERT_TRUE(ends());
  EXPECT_EQ(exit_->code, 0);
}

TEST_F(ErpnextStandInTest, TellsOfEveryChangeSignedAndAgainIfItIsNotTaken) {
  start({"--webhook", "Acme=" + webhook_});

  ASSERT_EQ(ask("POST", kOrderMethod, kOrder).status, 200);
  ASSERT_TRUE(loop_.run_until([&] { return told_.size() == 2; }));
  ASSERT_EQ(ask("POST", "/dev/documents/DOC-00001", R"({"status":"Ready"})").status, 200);

  ASSERT_TRUE(loop_.run_until([&] { return told_.size() == 3; }));
  EXPECT_EQ(told_[0].body, told_[1].body);
  EXPECT_EQ(member(told_[2].body, "status"), "Ready");
  EXPECT_GT(member(told_[2].body, "modified"), member(told_[1].body, "modified"));
  EXPECT_EQ(told_[2].header("X-Frappe-Webhook-Signature"),
            hmac_sha256_base64("hook", told_[2].body));
  EXPECT_EQ(told_[2].header("Content-Type"), std::nullopt);
}

TEST_F(ErpnextStandInTest, FailsAsItIsTold) {
  start();
  ASSERT_EQ(ask("POST", "/dev/faults", R"({"status":429,"retry_after":9,"times":1})").status, 200);

  const HttpResponse busy = ask("POST", kOrderMethod, kOrder);
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(find_header(busy.headers, "Retry-After"), "9");
  EXPECT_EQ(ask("POST", kOrderMethod, kOrder).status, 200);

  ASSERT_EQ(ask("POST", "/dev/faults", R"({"status":"mute"})").status, 200);
  EXPECT_EQ(ask("POST", kOrderMethod, kOrder).status, 0);
  ASSERT_EQ(ask("POST", "/dev/faults", R"({"status":"off"})").status, 200);
  EXPECT_THAT(*parse_json(ask("GET", "/dev/documents").body), SizeIs(1));
  EXPECT_THAT(ask("GET", "/dev/documents").body, HasSubstr("DOC-00002"));
}

TEST_F(ErpnextStandInTest, OffersOtherTimesWhereOneIsTaken) {
  start();
  const std::string path = "/api/method/business_workflows.api.appointment_logic.book_appointment";
  const std::string wish =
      R"({"company":"Acme","appointment_date":"2026-12-01","appointment_time":"09:00:00"})";

  EXPECT_THAT(ask("POST", path, wish).body, HasSubstr("appointment_id"));
  EXPECT_THAT(ask("POST", path, wish).body, HasSubstr(R"("status":"partial")"));
}

TEST_F(ErpnextStandInTest, RefusesCredentialsAndWebhooksThatAreNone) {
  run({"--webhook", "nonsense"});
  ASSERT_TRUE(ends());
  EXPECT_EQ(exit_->code, 1);
  EXPECT_TRUE(loop_.run_until([&] { return printed_.find("COMPANY=URL") != std::string::npos; }));
}

TEST(SiteFaultsTest, RefusesWhatMakesNoSense) {
  for (const char* const body : {"", "[]", R"({"status":200})", R"({"status":"sideways"})",
                                 R"({"status":503,"times":0})", R"({"delay_ms":-1})"}) {
    EXPECT_THAT(parse_site_faults(body), FailsWith(ErrorCode::kInvalidArgument)) << body;
  }
}

}  // namespace
}  // namespace voicectl::runtime
