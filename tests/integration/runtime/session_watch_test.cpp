// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/session_watch.h"

#include <gmock/gmock.h>

#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/session/fake_session_store.h"

namespace voicectl::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;

/// A tenant's sessions on a disk in memory, with the scripted Ultravox; looked after every few
/// milliseconds.
class SessionWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::optional<Status> opened;
    book_.open([&opened](Status outcome) { opened = std::move(outcome); });
    ASSERT_TRUE(loop_.run_until([&] { return opened.has_value(); }));
    ASSERT_THAT(*opened, IsOk());
  }

  static TenantConfig a_config(const std::string& endpoint) {
    TenantConfig config(*TenantId::parse("acme"));
    config.ultravox.endpoint = endpoint;
    config.limits.duration = std::chrono::minutes(30);
    return config;
  }
  std::shared_ptr<ultravox::UltravoxClient> make_client() {
    ultravox::UltravoxOptions options;
    options.endpoint = ultravox_.endpoint();
    options.api_key = ultravox::fixed_api_key(Secret("key"));
    return std::make_shared<ultravox::UltravoxClient>(loop_.reactor(), http_, std::move(options));
  }

  /// A session with a call, that old.
  SessionId begin(Duration age, SessionStatus status = SessionStatus::kReady) {
    Session session(make_session_id(*TenantId::parse("acme"), random_.token(20)),
                    *TenantId::parse("acme"));
    session.status = status;
    session.ultravox_call_id = "call-1";
    session.created_at = clock_.now() - std::chrono::duration_cast<milliseconds>(age);
    if (status == SessionStatus::kActive) {
      session.start_time = session.created_at;
    }
    const SessionId id = session.session;
    Change change;
    change.session = std::move(session);
    bool done = false;
    book_.commit(std::move(change), [&done](const Status&) { done = true; });
    EXPECT_TRUE(loop_.run_until([&] { return done; }));
    return id;
  }
  void look_after(SessionWatch::Policy policy) {
    watch_.emplace(scope_, sessions_, events_, policy);
  }
  SessionStatus status_of(const SessionId& id) const { return disk_.sessions.at(id.str()).status; }
  bool becomes(const SessionId& id, SessionStatus status) {
    return loop_.run_until([&] { return status_of(id) == status; });
  }
  std::vector<std::string> owed() const {
    std::vector<std::string> kinds;
    for (const auto& [id, entry] : disk_.outbox) {
      kinds.push_back(entry.kind);
    }
    return kinds;
  }

  static constexpr SessionWatch::Policy kQuick{milliseconds(90'000), milliseconds(5),
                                               milliseconds(2)};

  RealLoop loop_;
  FixedWallClock clock_;
  SeededRandom random_{11};
  PosixFileSystem files_;
  HttpClient http_{loop_.reactor()};
  ScriptedUltravox ultravox_{loop_.reactor()};
  FakeStoreDisk disk_;
  FakeSessionStore store_{loop_.reactor(), disk_, {1}};
  EventHub hub_;
  SessionBook book_{
      {loop_.reactor(), clock_, random_, store_, hub_, *InstanceId::parse("shared-0")},
      {[](const Error&, std::optional<Duration>) {}, [](const StoreContents&) {}}};
  Outbox outbox_{{loop_.reactor(), clock_, random_, store_, book_}};
  RequestMemory memory_{[](const StoredResponse&) { return HttpResponse{}; }};
  std::shared_ptr<const TenantConfig> config_ =
      std::make_shared<const TenantConfig>(a_config(ultravox_.endpoint()));
  TenantScope scope_{loop_.reactor(),
                     clock_,
                     random_,
                     config_,
                     {},
                     hub_,
                     store_,
                     book_,
                     outbox_,
                     memory_,
                     make_client(),
                     std::make_shared<TenantCounters>()};
  ErpSide erp_{{loop_.reactor(), clock_, book_, outbox_, http_, files_, {}}, *config_, {}};
  CallEvents events_{scope_, erp_};
  SessionApi sessions_{scope_, erp_};
  std::optional<SessionWatch> watch_;
};

TEST_F(SessionWatchTest, LearnsThatNobodyJoinedAlthoughNobodySaidSo) {
  ultravox_.call_members = R"("ended":"2026-11-23T09:10:00Z","endReason":"unjoined")";
  const SessionId session = begin(std::chrono::seconds(91));

  look_after(kQuick);

  EXPECT_TRUE(becomes(session, SessionStatus::kFailed));
  EXPECT_EQ(disk_.sessions.at(session.str()).end_reason, "unjoined");
}

TEST_F(SessionWatchTest, LearnsOfAnEndThatWasLostAndFetchesTheWords) {
  ultravox_.call_members = R"("joined":"2026-11-23T09:00:00Z","ended":"2026-11-23T09:10:00Z",)"
                           R"("endReason":"hangup")";
  const SessionId session = begin(std::chrono::minutes(15), SessionStatus::kActive);

  look_after(kQuick);

  EXPECT_TRUE(becomes(session, SessionStatus::kCompleted));
  EXPECT_EQ(disk_.sessions.at(session.str()).duration, std::chrono::seconds(600));
  EXPECT_THAT(owed(), Contains("ultravox.fetch_call"));
}

TEST_F(SessionWatchTest, TheEventThatComesAfterAllIsARepetition) {
  ultravox_.call_members = R"("ended":"2026-11-23T09:10:00Z","endReason":"hangup")";
  const SessionId session = begin(std::chrono::minutes(15), SessionStatus::kActive);
  look_after(kQuick);
  ASSERT_TRUE(becomes(session, SessionStatus::kCompleted));
  const std::size_t events = disk_.events.size();
  ultravox::CallEvent late;
  late.kind = ultravox::EventKind::kCallEnded;
  late.name = "call.ended";
  late.call.call_id = "call-1";

  bool done = false;
  events_.apply(late, disk_.sessions.at(session.str()), "{}", [&](const Status&) { done = true; });

  EXPECT_TRUE(loop_.run_until([&] { return done; }));
  EXPECT_EQ(disk_.events.size(), events);
}

TEST_F(SessionWatchTest, LearnsThatSomebodyJoined) {
  ultravox_.call_members = R"("joined":"2026-11-23T09:00:00Z")";
  const SessionId session = begin(std::chrono::seconds(91));

  look_after(kQuick);

  EXPECT_TRUE(becomes(session, SessionStatus::kActive));
}

TEST_F(SessionWatchTest, EndsASessionWhoseCallIsUnknownThere) {
  ultravox_.call_status = 404;
  const SessionId session = begin(std::chrono::seconds(91));

  look_after(kQuick);

  EXPECT_TRUE(becomes(session, SessionStatus::kCompleted));
  EXPECT_EQ(disk_.sessions.at(session.str()).end_reason, "call_not_found");
}

TEST_F(SessionWatchTest, LeavesSessionsAloneWhileTheServiceIsAway) {
  ultravox_.call_status = 503;
  const SessionId session = begin(std::chrono::seconds(91));

  look_after(kQuick);
  loop_.run_for(milliseconds(60));

  EXPECT_EQ(status_of(session), SessionStatus::kReady);
  ultravox_.call_status = 200;
  EXPECT_TRUE(becomes(session, SessionStatus::kCompleted));
}

TEST_F(SessionWatchTest, AsksNotAfterASessionThatHasJustBegun) {
  const SessionId session = begin(std::chrono::seconds(10));

  look_after(kQuick);
  loop_.run_for(milliseconds(60));

  EXPECT_EQ(status_of(session), SessionStatus::kReady);
}

TEST_F(SessionWatchTest, EndsASessionThatIsOverItsLongestDurationAndHangsUp) {
  ultravox_.is_mute = true;
  const SessionId session = begin(std::chrono::minutes(36), SessionStatus::kActive);

  look_after(kQuick);

  EXPECT_TRUE(becomes(session, SessionStatus::kCompleted));
  EXPECT_EQ(disk_.sessions.at(session.str()).end_reason, "timeout");
  EXPECT_THAT(owed(), Contains("ultravox.hang_up"));
  EXPECT_THAT(owed(), Contains("ultravox.fetch_call"));
}

}  // namespace
}  // namespace voicectl::runtime
