// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/os/posix_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputFileTest : public CliTest {
 protected:
  OutputFileTest() { surroundings_.working_directory = folder_.path(); }

  Result<OutputPlace> write(const std::string& name, std::string_view content) {
    Console console{in_, out_, err_};
    CommandContext context{console, disk_, programs_, clock_, surroundings_, {}};
    return write_output_file(context, name, content, kPrivateFile);
  }
  std::string content_of(const std::string& name) const {
    std::ifstream file(folder_.path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir folder_;
  PosixFileSystem disk_;
};

TEST_F(OutputFileTest, AFileIsMadeOrReplaced) {
  ASSERT_TRUE(write("plan.json", "one").has_value());
  ASSERT_TRUE(write("plan.json", "two").has_value());

  EXPECT_EQ(content_of("plan.json"), "two");
}

TEST_F(OutputFileTest, ALinkStaysAndTheFileBehindItIsReplaced) {
  fs::create_directory(folder_.path("kept"));
  std::ofstream(folder_.path("kept/real.json")) << "old";
  fs::create_symlink("kept/real.json", folder_.path("plan.json"));
  fs::create_symlink("kept/new.json", folder_.path("dangling.json"));

  ASSERT_TRUE(write("plan.json", "new").has_value());
  ASSERT_TRUE(write("dangling.json", "made").has_value());

  EXPECT_TRUE(fs::is_symlink(folder_.path("plan.json")));
  EXPECT_EQ(content_of("kept/real.json"), "new");
  EXPECT_TRUE(fs::is_symlink(folder_.path("dangling.json")));
  EXPECT_EQ(content_of("kept/new.json"), "made");
}

TEST_F(OutputFileTest, APipeOrAFolderIsRefusedAndStays) {
  ASSERT_EQ(::mkfifo(folder_.path("pipe").c_str(), 0600), 0);
  fs::create_directory(folder_.path("folder"));
  fs::create_symlink("round", folder_.path("round"));

  EXPECT_THAT(write("pipe", "x").error().text(),
              HasSubstr("cannot write 'pipe': it is a pipe; name a file"));
  EXPECT_THAT(write("folder", "x").error().text(), HasSubstr("it is a folder"));
  EXPECT_THAT(write("round", "x").error().text(), HasSubstr("too many links"));

  EXPECT_TRUE(fs::is_fifo(folder_.path("pipe")));
  EXPECT_TRUE(fs::is_directory(folder_.path("folder")));
}

TEST_F(OutputFileTest, ADeviceIsWrittenToAndStays) {
  const Result<OutputPlace> place = write("/dev/null", "x");

  ASSERT_TRUE(place.has_value()) << place.error().text();
  EXPECT_TRUE(place->is_device);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(write("/dev/full", "x").error().text(),
              HasSubstr("cannot write '/dev/full': No space left on device"));
}

TEST_F(OutputFileTest, NoCommandReplacesADevice) {
  serve({}, plan_json(1));
  std::ofstream(folder_.path("platform.yaml")) << "apiVersion: voicectl/v1\n";

  EXPECT_EQ(run({"plan", "-f", "platform.yaml", "--out", "/dev/null"}), ExitCode::kOk) << err();
  EXPECT_EQ(files_.find("/dev/null"), nullptr);
  EXPECT_THAT(err(), testing::Not(HasSubstr("Saved.")));
  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "/dev/null", "--overwrite"}),
            ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("cannot write '/dev/null': it is a device; name a file"));
}

}  // namespace
}  // namespace voicectl
