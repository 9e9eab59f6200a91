// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::Not;

class DriftCommandsTest : public CliTest {
 protected:
  static Json finding(const std::string& name, const Json& adopted = Json()) {
    return {{"kind", "edited"},
            {"name", name},
            {"subject", "edge"},
            {"path", "/run/v/edge/nginx.conf"},
            {"expected", "the text that was written"},
            {"found", "another text"},
            {"since", "2026-11-26T05:00:00.000Z"},
            {"repaired_by_apply", true},
            {"adoptable", true},
            {"remedy", "'voicectl apply' restores it"},
            {"adopted", adopted}};
  }
  void serve_drift(Json findings, Json adoptions = Json::array()) {
    daemon_.answer("GET /v1/drift", Json{{"schema", "voicectl/drift/v1"},
                                         {"looked_at", "2026-11-26T06:00:00.000Z"},
                                         {"applying", false},
                                         {"findings", std::move(findings)},
                                         {"adoptions", std::move(adoptions)}});
  }
};

TEST_F(DriftCommandsTest, NoDriftIsSaidBesideTheOutput) {
  serve_drift(Json::array());

  EXPECT_EQ(run({"drift", "--detailed-exitcode"}), ExitCode::kOk);

  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("No drift"));
}

TEST_F(DriftCommandsTest, ATableShowsWhatIsWrongAndTheCodeSaysSoIfAsked) {
  serve_drift(Json::array({finding("file/run/edge/nginx.conf")}));

  EXPECT_EQ(run({"drift"}), ExitCode::kOk);
  EXPECT_EQ(run({"drift", "--detailed-exitcode"}), ExitCode::kChanges);

  EXPECT_THAT(out(), HasSubstr("file/run/edge/nginx.conf  edge     edited  another text"));
  EXPECT_THAT(out(), HasSubstr("apply repairs it"));
}

TEST_F(DriftCommandsTest, WhatIsAdoptedIsNoDriftForTheCode) {
  serve_drift(Json::array(
      {finding("file/run/edge/nginx.conf",
               {{"who", "ann"}, {"why", "campaign"}, {"at", "2026-11-26T05:30:00.000Z"}})}));

  EXPECT_EQ(run({"drift", "--detailed-exitcode", "-o", "wide"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Adopted   by ann at 2026-11-26T05:30:00.000Z: campaign"));
  EXPECT_THAT(out(), HasSubstr("Since     2026-11-26T05:00:00.000Z"));
}

TEST_F(DriftCommandsTest, NamesAreWhatAdoptTakes) {
  serve_drift(Json::array({finding("file/run/edge/nginx.conf"), finding("process/7")}));

  EXPECT_EQ(run({"drift", "-o", "name"}), ExitCode::kOk);

  EXPECT_EQ(out(), "file/run/edge/nginx.conf\nprocess/7\n");
}

TEST_F(DriftCommandsTest, WhatTheHostSaysCannotSteerATerminal) {
  Json hostile = finding("process/7");
  hostile["found"] = "process 7 \x1b[2J";
  serve_drift(Json::array({hostile}));

  EXPECT_EQ(run({"drift"}), ExitCode::kOk);
  EXPECT_EQ(run({"drift", "-o", "wide"}), ExitCode::kOk);

  EXPECT_THAT(out(), Not(HasSubstr("\x1b")));
}

TEST_F(DriftCommandsTest, AForgottenAdoptionIsMentioned) {
  serve_drift(Json::array(), {{{"name", "process/7"},
                               {"who", "ann"},
                               {"why", "a look"},
                               {"at", "2026-11-26T05:30:00.000Z"},
                               {"applies", false}}});

  EXPECT_EQ(run({"drift"}), ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("voicectl adopt --undo process/7"));
}

TEST_F(DriftCommandsTest, AdoptingNeedsAReasonAndSaysWho) {
  daemon_.answer("POST /v1/drift/adopt",
                 Json{{"name", "process/7"}, {"adopted", true}, {"state", "4711"}});

  EXPECT_EQ(run({"adopt", "process/7"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("--why TEXT, for whoever finds it later, is required"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/drift/adopt"));
  EXPECT_EQ(run({"adopt", "process/7", "--state", "4711", "--why", "a look"}), ExitCode::kOk)
      << err();

  EXPECT_THAT(out(), HasSubstr("as it is (4711)"));
  const Json body = daemon_.body_of("POST /v1/drift/adopt");
  EXPECT_EQ(body["name"], "process/7");
  EXPECT_EQ(body["why"], "a look");
  EXPECT_EQ(body["state"], "4711");
  EXPECT_THAT(body["who"].get<std::string>(), HasSubstr("ann"));
}

TEST_F(DriftCommandsTest, AnAdoptionThatIsNotOnDiskYetSaysSo) {
  daemon_.answer(
      "POST /v1/drift/adopt",
      Json{{"name", "process/7"}, {"adopted", true}, {"state", "4711"}, {"recorded", false}});

  EXPECT_EQ(run({"adopt", "process/7", "--why", "a look"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(), HasSubstr("could not be written down yet"));
}

TEST_F(DriftCommandsTest, UndoGivesItUp) {
  daemon_.answer("POST /v1/drift/give_up", Json{{"name", "process/7"}, {"adopted", false}});

  EXPECT_EQ(run({"adopt", "--undo", "process/7"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(), HasSubstr("Given up"));
}

}  // namespace
}  // namespace voicectl
