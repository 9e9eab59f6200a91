// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/drift_comparison.h"

#include <gmock/gmock.h>

#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPath = "/run/v/edge/nginx.conf";

class DriftComparisonTest : public ::testing::Test {
 protected:
  DriftComparisonTest() {
    snapshot.observed.certificates = {};
    marks.programs = "/var/lib/v/programs/";
    marks.edge_config = kPath;
    marks.holder_socket = "/run/v/holder.sock";
    marks.users = {0};
    marks.daemon = 100;
  }

  /// One expected file, and what is found in its place.
  ExpectedFile& expect(FileKind kind = FileKind::kFile) {
    ExpectedFile file;
    file.name = "run/edge/nginx.conf";
    file.path = kPath;
    file.subject = "edge";
    file.kind = kind;
    file.mode = 0600;
    file.uid = 0;
    file.texts = {"right"};
    expected.push_back(file);
    return expected.back();
  }
  FileFacts& find(FileKind kind = FileKind::kFile, std::string digest = "right") {
    FileFacts facts;
    facts.kind = kind;
    facts.mode = 0600;
    facts.changed_at = kNoon;
    return *(facts_.files[kPath] = ObservedFile{facts, std::move(digest)}).facts;
  }
  ProcessFacts& run(std::vector<std::string> arguments) {
    ProcessFacts process;
    process.pid = 4711;
    process.parent = 1;
    process.start_ticks = 99;
    process.program = "/var/lib/v/programs/abc/voice-runtime";
    process.arguments = std::move(arguments);
    facts_.processes.push_back(std::move(process));
    return facts_.processes.back();
  }
  std::vector<DriftFinding> found() {
    return find_drift({snapshot, expected, marks, std::chrono::hours(240), kNoon}, facts_);
  }

  Snapshot snapshot;
  std::vector<ExpectedFile> expected;
  ProcessMarks marks;
  HostFacts facts_;
};

TEST_F(DriftComparisonTest, FindsNothingWhereEverythingIsAsItShouldBe) {
  expect();
  find();

  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, AFileIsRightExactlyWhenNothingIsFound) {
  const auto agree = [this](bool is_right_file) {
    const bool said = is_right(expected.at(0), facts_.files.at(kPath));
    EXPECT_EQ(said, is_right_file);
    EXPECT_EQ(said, found().empty());
  };
  expect();
  find();
  agree(true);
  find(FileKind::kFile, "");  // nobody could read it
  agree(true);
  find(FileKind::kFile, "edited");
  agree(false);
  find().mode = 0644;
  agree(false);
  find().uid = 7;
  agree(false);
  find(FileKind::kLink);
  agree(false);
  facts_.files[kPath] = {};
  agree(false);
  expected[0].presence = ExpectedFile::Presence::kMay;
  agree(true);
}

TEST_F(DriftComparisonTest, WhatIsToSayTheSameAsAnotherIsNeverRightByItself) {
  expect().same_as = "/var/lib/v/certs/a.pem";
  find();

  EXPECT_FALSE(is_right(expected.at(0), facts_.files.at(kPath)));
}

TEST_F(DriftComparisonTest, TellsAnEditedFileWithoutItsText) {
  expect();
  find(FileKind::kFile, "edited");

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, DriftKind::kEdited);
  EXPECT_EQ(findings[0].name, kEdgeFileName);
  EXPECT_EQ(findings[0].since, kNoon);
  EXPECT_EQ(findings[0].state, "edited");
  EXPECT_EQ(findings[0].not_adoptable, "");
  EXPECT_EQ(repaired_by(findings[0]), RepairedBy::kPerson);
}

TEST_F(DriftComparisonTest, SaysNothingOfATextThatNobodyCouldRead) {
  expect();
  find(FileKind::kFile, "");

  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, TellsAMissingFileUnlessItMayBeMissing) {
  expect();
  facts_.files[kPath] = {};

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::kind, DriftKind::kMissingFile)));
  expected[0].presence = ExpectedFile::Presence::kMay;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, WhatItIsMadeFromDecidesWhetherItCanBeMadeAnew) {
  expect().made_from = {"/a", kPath};
  facts_.files[kPath] = {};
  facts_.files["/a"] = {FileFacts{}, ""};

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::repair, DriftRepair::kRestore)));
  facts_.files["/a"] = {};

  const std::vector<DriftFinding> findings = found();
  EXPECT_THAT(findings, ElementsAre(Field(&DriftFinding::repair, DriftRepair::kNone)));
  EXPECT_THAT(remedy_of(findings[0]), HasSubstr("restore it from a backup"));
  facts_.files.erase("/a");  // nobody could look at it
  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::repair, DriftRepair::kRestore)));
}

TEST_F(DriftComparisonTest, AModeIsSetBackWhateverCannotBeMadeAnew) {
  expect(FileKind::kFolder).repair = DriftRepair::kNone;
  find(FileKind::kFolder).mode = 0777;

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::repair, DriftRepair::kRestore)));
}

TEST_F(DriftComparisonTest, DoesNotFollowALinkThatTookAFilesPlace) {
  expect();
  find(FileKind::kLink).mode = 0777;

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, DriftKind::kReplaced);
  EXPECT_EQ(findings[0].found, "a link");
  EXPECT_NE(findings[0].not_adoptable, "");
}

TEST_F(DriftComparisonTest, TellsALinkThatPointsElsewhere) {
  ExpectedFile& link = expect(FileKind::kLink);
  link.target = "../tenants/alpha.sock";
  link.texts = {};
  find(FileKind::kLink).target = "../tenants/beta.sock";

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::kind, DriftKind::kReplaced)));
}

TEST_F(DriftComparisonTest, TellsASocketOfSomebodyElseByItsIdentity) {
  ExpectedFile& socket = expect(FileKind::kSocket);
  socket.texts = {};
  socket.repair = DriftRepair::kBind;
  socket.identity = FileIdentity{1, 7};
  find(FileKind::kSocket).identity = {1, 8};

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, DriftKind::kReplaced);
  EXPECT_EQ(findings[0].repair, DriftRepair::kBind);
  EXPECT_EQ(repaired_by(findings[0]), RepairedBy::kDaemon) << "its tenant is cut off until then";
}

TEST_F(DriftComparisonTest, TellsModeAndOwnerInOneFinding) {
  expect();
  FileFacts& facts = find();
  facts.mode = 0644;
  facts.uid = 33;

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, DriftKind::kAccess);
  EXPECT_EQ(findings[0].name, "access/run/edge/nginx.conf");
  EXPECT_EQ(findings[0].expected, "mode 0600, user 0");
  EXPECT_EQ(findings[0].found, "mode 0644, user 33");
  EXPECT_EQ(findings[0].not_adoptable, "");
}

TEST_F(DriftComparisonTest, NobodyMayAcceptThatOthersReadASecret) {
  expect().holds = ExpectedFile::Holds::kSecrets;
  find().mode = 0640;

  EXPECT_THAT(found().at(0).not_adoptable, HasSubstr("read a secret"));
  find().mode = 0400;
  EXPECT_EQ(found().at(0).not_adoptable, "");
  expected[0].holds = ExpectedFile::Holds::kSettings;
  find().mode = 0666;
  EXPECT_THAT(found().at(0).not_adoptable, HasSubstr("everybody could write"));
}

TEST_F(DriftComparisonTest, ACopyMustSayWhatItsOriginalSays) {
  ExpectedFile& copy = expect();
  copy.texts = {};
  copy.same_as = "/var/lib/v/certs/a.pem";
  facts_.files[copy.same_as] = ObservedFile{FileFacts{}, "right"};
  find(FileKind::kFile, "other");

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::kind, DriftKind::kEdited)));
  facts_.files[copy.same_as].digest.clear();
  EXPECT_THAT(found(), IsEmpty()) << "nobody could look at the original";
}

TEST_F(DriftComparisonTest, AStrayInstanceIsOneThatNobodyKnows) {
  run({"voice-runtime", "--instance", "shared-7"});

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, DriftKind::kStrayProcess);
  EXPECT_EQ(findings[0].name, "process/4711");
  EXPECT_EQ(findings[0].start_ticks, 99U);
  marks.known = {{4711, 99}};
  EXPECT_THAT(found(), IsEmpty());
  marks.known = {{4711, 98}};
  EXPECT_THAT(found(), SizeIs(1)) << "the number belongs to another process now";
}

TEST_F(DriftComparisonTest, ChildrenOfTheDaemonAreStillBeingStarted) {
  run({"voice-runtime", "--instance", "shared-7"}).parent = 100;

  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, MarksOfOtherUsersProcessesMeanNothing) {
  run({"voice-runtime", "--instance", "shared-7"}).uid = 1234;

  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, AProgramOfAnotherPlatformIsNone) {
  run({"voice-runtime", "--instance", "shared-7"}).program = "/var/lib/v2/programs/a/voice-runtime";

  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DriftComparisonTest, KnowsNginxAndTheHolderByWhatTheyServe) {
  run({"nginx: master process /usr/sbin/nginx -p /run/v/edge/ -c /run/v/edge/nginx.conf -e x"})
      .program = "/usr/sbin/nginx";
  run({"/usr/lib/voicectl-holder", "--socket", "/run/v/holder.sock"}).pid = 4712;
  run({"nginx: master process /usr/sbin/nginx -c /etc/nginx/nginx.conf"}).program =
      "/usr/sbin/nginx";
  run({"vi", kPath}).program = "/usr/bin/vi";

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::name, "process/4711"),
                                   Field(&DriftFinding::name, "process/4712")));
}

TEST_F(DriftComparisonTest, ARecordedInstanceThatDoesNotRunIsMissingUnlessItIsBeingRestarted) {
  snapshot = settled(a_desired_state({a_tenant("alpha")}));
  EXPECT_THAT(found(), IsEmpty());

  observed_instance(snapshot, "shared-0").ready = false;
  EXPECT_THAT(found(), IsEmpty());
  lose_instance(snapshot, "shared-0");

  EXPECT_THAT(found(), ElementsAre(Field(&DriftFinding::name, "instance/shared-0")));
}

TEST_F(DriftComparisonTest, TellsWhoListensOnALeasedPort) {
  snapshot.leases = {{port(21001), "tenant/alpha", std::nullopt},
                     {port(21002), "tenant/beta", kNoon}};
  facts_.strangers = {{{21001, 5, 1000}, std::nullopt}, {{21002, 6, 1000}, std::nullopt}};

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1)) << "a port that was given back is nobody's";
  EXPECT_EQ(findings[0].name, "port/21001");
  EXPECT_EQ(findings[0].found, "a process of user 1000");
  EXPECT_EQ(findings[0].repair, DriftRepair::kNone);
}

TEST_F(DriftComparisonTest, TellsCertificatesThatAreMissingExpiredOrAboutTo) {
  snapshot = settled(a_desired_state({a_tenant("alpha")}));
  ASSERT_THAT(snapshot.observed.certificates, SizeIs(1));
  RecordedCertificate& certificate = snapshot.observed.certificates[0];

  certificate.not_after = kNoon + std::chrono::hours(24);
  EXPECT_THAT(found().at(0).found, HasSubstr("ends at"));
  certificate.not_after = kNoon - std::chrono::hours(24);
  EXPECT_THAT(found().at(0).found, HasSubstr("expired at"));
  EXPECT_EQ(found().at(0).since, certificate.not_after);
  snapshot.observed.certificates.clear();
  EXPECT_THAT(found().at(0).found, HasSubstr("missing"));
}

TEST_F(DriftComparisonTest, WhatWasAdoptedIsMarkedAndNotRepaired) {
  expect();
  find(FileKind::kFile, "edited");
  const std::string name(kEdgeFileName);
  snapshot.adoptions[name] = {name, "edited", "ann", "campaign", kNoon};

  const std::vector<DriftFinding> findings = found();

  ASSERT_THAT(findings, SizeIs(1));
  ASSERT_TRUE(findings[0].adopted);
  EXPECT_EQ(findings[0].adopted->who, "ann");
  EXPECT_THAT(not_adopted(findings), IsEmpty());
}

TEST_F(DriftComparisonTest, AnotherEditOfAnAdoptedFileIsDriftAgainThatNothingTouches) {
  expect();
  find(FileKind::kFile, "edited twice");
  const std::string name(kEdgeFileName);
  snapshot.adoptions[name] = {name, "edited", "ann", "campaign", kNoon};

  const std::vector<DriftFinding> findings = not_adopted(found());

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_TRUE(findings[0].is_held);
  EXPECT_THAT(remedy_of(findings[0]), HasSubstr("once more"));
}

TEST_F(DriftComparisonTest, TheDaemonTouchesNoFilesOfATenantThatAPersonEdited) {
  const auto of = [](std::string_view tenant, DriftKind kind) {
    DriftFinding out;
    out.kind = kind;
    out.tenant = tenant_id(tenant);
    out.repair = DriftRepair::kRestore;
    return out;
  };
  const std::vector<DriftFinding> findings = {of("alpha", DriftKind::kEdited),
                                              of("alpha", DriftKind::kAccess),
                                              of("beta", DriftKind::kAccess)};

  EXPECT_THAT(left_to_daemon(findings), ElementsAre(findings[2]));
}

}  // namespace
}  // namespace voicectl
