// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/remote_tools.h"

#include "tests/sim/runtime/erpnext/simulated_tenant.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kOrders = "Voice Restaurant Order";

TEST(RemoteToolsSim, AnswersWithTheResultOfAnotherSystemThatIsQuick) {
  SimulatedTenant tenant;
  tenant.world.settle();

  tenant.order("r1");
  tenant.world.advance(1s);

  ASSERT_THAT(tenant.answers, SizeIs(1));
  EXPECT_THAT(tenant.answers[0], HasSubstr(R"("order_id":"DOC-00001")"));
  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.called", "order.created"));
  EXPECT_EQ(tenant.session().reference_document, "DOC-00001");
  EXPECT_EQ(tenant.session().tool_calls, 1U);
  EXPECT_EQ(tenant.disk.records.at("DOC-00001").record.external_id, "DOC-00001");
}

TEST(RemoteToolsSim, PromisesInTimeAndTellsTheResultLater) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site_busy_until = tenant.world.now() + 5s;

  tenant.order("r1");
  tenant.world.advance(2199ms);
  EXPECT_THAT(tenant.answers, IsEmpty());
  tenant.world.advance(1ms);
  ASSERT_THAT(tenant.answers, SizeIs(1));
  EXPECT_THAT(tenant.answers[0], HasSubstr(R"("status":"pending")"));
  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.pending"));

  tenant.world.advance(5s);

  EXPECT_THAT(tenant.answers, SizeIs(1));
  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.pending", "tool.called", "order.created"));
}

TEST(RemoteToolsSim, PromisesAtOnceWhenTheOtherSystemIsAway) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site.before = [](const HttpRequest&) {
    return std::optional(ErpnextStandIn::failure(503, "SessionStopped"));
  };

  tenant.order("r1");
  tenant.world.advance(100ms);
  EXPECT_THAT(tenant.answers, ElementsAre(HasSubstr("pending")));
  tenant.site.before = nullptr;
  tenant.world.advance(1h);

  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1));
  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.pending", "tool.called", "order.created"));
}

TEST(RemoteToolsSim, SaysNoInTheOtherSystemsWords) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(417, "ValidationError", "<b>Margherita</b> is sold out");
  };

  tenant.order("r1");
  tenant.world.advance(1s);

  EXPECT_THAT(tenant.answers, ElementsAre(HasSubstr("Margherita is sold out")));
  EXPECT_THAT(tenant.disk.outbox, IsEmpty());
}

TEST(RemoteToolsSim, TellsStaffOfANoThatCameAfterThePromise) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site_busy_until = tenant.world.now() + 5s;
  tenant.site.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(417, "ValidationError", "sold out");
  };

  tenant.order("r1");
  tenant.world.advance(10s);

  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.pending", "tool.called", "tool.failed"));
}

TEST(RemoteToolsSim, GivesUpWhatCanNeverSucceedAndSaysSo) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(403, "PermissionError");
  };

  tenant.order("r1");
  tenant.world.advance(1s);

  EXPECT_THAT(tenant.answers, ElementsAre(HasSubstr(R"("success":false)")));
  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.failed"));
  ASSERT_THAT(tenant.disk.outbox, SizeIs(1));
  EXPECT_EQ(tenant.disk.outbox.begin()->second.state, OutboxEntry::State::kDead);
}

TEST(RemoteToolsSim, RunsTheSameCallOnceWhileItIsUnderWay) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site_busy_until = tenant.world.now() + 5s;

  for (int i = 0; i < 5; ++i) {
    tenant.order("r" + std::to_string(i));
    tenant.world.advance(1s);
  }
  tenant.world.advance(10s);

  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1));
  EXPECT_THAT(tenant.answers, SizeIs(5));
}

TEST(RemoteToolsSim, RunsAnotherCallBesideIt) {
  SimulatedTenant tenant;
  tenant.world.settle();

  tenant.order("r1", "Margherita");
  tenant.order("r2", "Funghi");
  tenant.world.advance(1s);

  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(2));
}

TEST(RemoteToolsSim, KeepsItsPromisesInTheProcessThatGoesOnWithThem) {
  SimulatedTenant tenant;
  tenant.world.settle();
  tenant.site.before = [](const HttpRequest&) {
    return std::optional(ErpnextStandIn::failure(503, "SessionStopped"));
  };
  tenant.order("r1");
  tenant.world.advance(100ms);
  ASSERT_THAT(tenant.answers, ElementsAre(HasSubstr("pending")));
  const std::vector<std::string> promised = tenant.process_->tools.promised();
  ASSERT_THAT(promised, SizeIs(1));

  tenant.kill();
  tenant.start();
  tenant.world.settle();
  tenant.process_->tools.go_on_with(promised, 1);
  tenant.order("r2");  // the agent asks again: it is the same call
  tenant.site.before = nullptr;
  tenant.world.advance(1h);

  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1));
  EXPECT_THAT(tenant.answers, SizeIs(2));
  EXPECT_THAT(tenant.event_types(), Contains("order.created"));
  EXPECT_EQ(tenant.session().tool_calls, 1U);
  EXPECT_THAT(tenant.process_->tools.promised(), IsEmpty());
}

TEST(RemoteToolsSim, TellsTheAgentAlsoThatAPromiseCameToNothing) {
  SimulatedTenant tenant;
  tenant.disk.sessions.begin()->second.ultravox_call_id = "call-1";
  tenant.kill();
  tenant.start();
  tenant.world.settle();
  tenant.site_busy_until = tenant.world.now() + 5s;
  tenant.site.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(403, "PermissionError");
  };

  tenant.order("r1");
  tenant.world.advance(10s);

  EXPECT_THAT(tenant.event_types(), ElementsAre("tool.pending", "tool.failed"));
  std::vector<std::string> kinds;
  for (const auto& [id, entry] : tenant.disk.outbox) {
    kinds.push_back(entry.kind);
  }
  EXPECT_THAT(kinds, Contains("ultravox.tell_agent"));
}

TEST(RemoteToolsSim, LooksWhetherAnAnswerThatCannotBeReadWasOne) {
  // A proxy's page instead of an answer; once the site never saw the order, once it took it.
  for (const bool was_taken : {false, true}) {
    SimulatedTenant tenant;
    tenant.world.settle();
    int garbled = 0;
    tenant.site.before = [&](const HttpRequest& request) -> std::optional<HttpResponse> {
      if (request.method != "POST" || garbled++ > 0) {
        return std::nullopt;
      }
      if (was_taken) {
        (void)tenant.site.answer(request);
      }
      return HttpResponse{200, {}, "<html>please wait</html>"};
    };

    tenant.order("r1");
    tenant.world.advance(1h);

    EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1)) << was_taken;
    EXPECT_THAT(tenant.event_types(), Contains("order.created")) << was_taken;
    EXPECT_THAT(tenant.disk.outbox, IsEmpty()) << was_taken;
  }
}

TEST(RemoteToolsSim, RefusesParametersThatASessionCouldNotKeep) {
  SimulatedTenant tenant;
  tenant.world.settle();

  tenant.order("r1", std::string(70'000, 'a'));
  tenant.world.advance(1s);

  EXPECT_THAT(tenant.answers, ElementsAre(HasSubstr("at most 65536")));
  EXPECT_THAT(tenant.site.documents(kOrders), IsEmpty());
}

TEST(RemoteToolsSim, LooksAfterATimeOutBeforeItRepeats) {
  SimulatedTenant tenant;
  tenant.world.settle();
  // The site takes the order and its answer comes too late.
  tenant.site_busy_until = tenant.world.now() + 9'995ms;

  tenant.order("r1");
  tenant.world.advance(1h);

  EXPECT_THAT(tenant.site.effects(), SizeIs(1));
  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1));
  EXPECT_THAT(tenant.event_types(), Contains("order.created"));
  EXPECT_THAT(tenant.disk.outbox, IsEmpty());
}

/// What is true of every history: nothing lost, nothing doubled.
void expect_one_effect(SimulatedTenant& tenant, std::size_t turn) {
  EXPECT_THAT(tenant.site.documents(kOrders), SizeIs(1)) << "killed at turn " << turn;
  for (const auto& [reference, count] : tenant.site.effects()) {
    EXPECT_EQ(count, 1) << reference << ", killed at turn " << turn;
  }
  EXPECT_THAT(tenant.disk.outbox, IsEmpty()) << "killed at turn " << turn;
  EXPECT_THAT(tenant.disk.records, SizeIs(1)) << "killed at turn " << turn;
  const std::vector<std::string> types = tenant.event_types();
  EXPECT_EQ(std::count(types.begin(), types.end(), "order.created"), 1) << "turn " << turn;
}

bool is_under_way(const SimulatedTenant& tenant) {
  return tenant.answers.empty() || !tenant.disk.outbox.empty();
}

/// Kills the process behind each turn of the loop of a tool call: around every commit, and before
/// and after every effect on the other system. Then the edge repeats the request.
std::size_t kill_at_every_turn(Duration site_takes) {
  std::size_t killed = 0;
  for (std::size_t turn = 0; turn < 1000; ++turn) {
    SimulatedTenant tenant;
    tenant.world.settle();
    tenant.site_busy_until = tenant.world.now() + site_takes;
    tenant.order("r1");
    bool goes_on = true;
    for (std::size_t i = 0; i < turn && goes_on; ++i) {
      goes_on =
          tenant.world.step() || (is_under_way(tenant) && tenant.world.advance_to_next_timer());
    }
    if (!goes_on) {
      return killed;
    }
    ++killed;
    const bool was_answered = !tenant.answers.empty();
    tenant.kill();
    tenant.start();
    tenant.world.settle();
    const bool is_known = !tenant.disk.responses.empty();
    if (!was_answered && !is_known) {
      tenant.order("r1");
    }
    tenant.world.advance(100h);
    expect_one_effect(tenant, turn);
  }
  return killed;
}

TEST(RemoteToolsSim, LosesAndDoublesNothingWhereverItIsKilled) {
  EXPECT_GE(kill_at_every_turn(0ms), 4U);
}

TEST(RemoteToolsSim, LosesAndDoublesNothingWhereverItIsKilledBehindAPromise) {
  EXPECT_GE(kill_at_every_turn(3s), 5U);
}

TEST(RemoteToolsSim, LosesAndDoublesNothingWhenTwoKillsMeet) {
  for (std::size_t first = 0; first < 25; ++first) {
    for (std::size_t second = 0; second < 25; ++second) {
      SimulatedTenant tenant;
      tenant.world.settle();
      tenant.order("r1");
      for (const std::size_t turns : {first, second}) {
        for (std::size_t i = 0; i < turns; ++i) {
          if (!tenant.world.step() && tenant.answers.empty()) {
            tenant.world.advance_to_next_timer();
          }
        }
        tenant.kill();
        tenant.start();
        tenant.world.settle();
        if (tenant.answers.empty() && tenant.disk.responses.empty()) {
          tenant.order("r1");
        }
      }
      tenant.world.advance(100h);
      expect_one_effect(tenant, first * 100 + second);
    }
  }
}

TEST(RemoteToolsSim, SurvivesAStoreThatFailsAtEveryCommit) {
  for (int failing = 0; failing < 6; ++failing) {
    SimulatedTenant tenant;
    tenant.world.settle();
    tenant.order("r1");
    int turns = 0;
    while (turns++ < failing) {
      tenant.world.advance_to_next_timer();
    }
    tenant.process_->store.fail_next_commit(Error(ErrorCode::kUnavailable, "cannot write"));
    tenant.world.advance(1min);
    if (tenant.disk.responses.empty()) {
      tenant.order("r1");
    }
    tenant.world.advance(100h);
    expect_one_effect(tenant, static_cast<std::size_t>(failing));
  }
}

}  // namespace
}  // namespace voicectl::runtime
