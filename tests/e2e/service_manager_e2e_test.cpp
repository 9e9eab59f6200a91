// SPDX-License-Identifier: Apache-2.0
// voicectld under a service manager that keeps descriptors, as systemd does; the test is the
// manager.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/os/service_notify.h"
#include "base/os/unique_fd.h"
#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

/// Where services say READY=1, and what they give it to keep.
class Manager {
 public:
  explicit Manager(std::string path) : path_(std::move(path)) {
    sockaddr_un address{AF_UNIX, {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    const int on = 1;
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  }

  /// Starts the daemon with everything that was kept.
  void start(const std::vector<std::string>& argv) {
    std::string names;
    for (const ServiceDescriptor& one : stored) {
      names += (names.empty() ? "" : ":") + one.name;
    }
    std::vector<std::string> words = {"/bin/sh", "-c", "export LISTEN_PID=$$; exec \"$0\" \"$@\""};
    words.insert(words.end(), argv.begin(), argv.end());
    std::vector<char*> raw;
    for (std::string& word : words) {
      raw.push_back(word.data());
    }
    raw.push_back(nullptr);
    pid = ::fork();
    if (pid == 0) {
      become(names, raw.data());
    }
  }

  /// Hears it until it has said `text`.
  bool hear_until(const std::string& text) {
    while (true) {
      const std::string heard = hear();
      if (heard.empty() || heard.find(text) != std::string::npos) {
        return !heard.empty();
      }
    }
  }

  std::vector<ServiceDescriptor> stored;
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const ServiceDescriptor& one : stored) {
      out.push_back(one.name);
    }
    return out;
  }
  pid_t pid = -1;

 private:
  [[noreturn]] void become(const std::string& names, char** words) {
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(stored.size()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
    // Out of the way of the numbers that they get.
    std::vector<int> high;
    for (const ServiceDescriptor& one : stored) {
      high.push_back(::fcntl(one.descriptor.get(), F_DUPFD, 200));
    }
    for (std::size_t i = 0; i < high.size(); ++i) {
      ::dup2(high[i], 3 + static_cast<int>(i));
      ::close(high[i]);
    }
    ::execv(words[0], words);
    ::_exit(127);
  }

  std::string hear() {
    pollfd watched{socket_.get(), POLLIN, 0};
    if (::poll(&watched, 1, 30'000) != 1) {
      return "";
    }
    std::array<char, 4096> text{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    std::string heard(text.data(), count < 0 ? 0U : static_cast<std::size_t>(count));
    act_on(heard, message);
    return heard;
  }

  void act_on(const std::string& heard, msghdr& message) {
    const std::size_t at = heard.find("FDNAME=");
    const std::string name =
        at == std::string::npos ? "" : heard.substr(at + 7, heard.find('\n', at) - at - 7);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        stored.insert(stored.begin(), {name, UniqueFd(descriptor)});
      }
    }
    if (heard.starts_with("FDSTOREREMOVE=1")) {
      std::erase_if(stored, [&](const ServiceDescriptor& one) { return one.name == name; });
    }
  }

  std::string path_;
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

std::vector<std::string> command_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  return words;
}

TEST(ServiceManagerE2e, ListenersOutliveEverythingInTheManagersStore) {
  Platform platform;
  platform.up();
  ASSERT_EQ(platform.voicectl({"status"}).code, 0);
  // Its daemon goes on under the manager, with the same folders.
  const int first = platform.pid_of_daemon();
  std::vector<std::string> argv = command_of(first);
  argv.insert(argv.end(), {"--descriptor-store", "systemd", "--keep-connections", "off"});
  Manager manager(platform.path("notify.sock"));
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(first));

  manager.start(argv);
  ASSERT_TRUE(manager.hear_until("READY=1"));
  EXPECT_THAT(manager.names(), Contains("tenant/mario-pizza.1.2"));
  EXPECT_THAT(manager.names(), Contains("tenant/mario-pizza.2.2"));
  EXPECT_FALSE(std::filesystem::exists(platform.run_folder() + "/holder.json"))
      << "one keeper is enough";
  Running reads(platform.load_command("mario-pizza", 4));
  const int instance = platform.pid_of_instance("shared-0");
  ASSERT_EQ(::kill(manager.pid, SIGKILL), 0);
  ASSERT_EQ(::kill(instance, SIGKILL), 0);
  ASSERT_EQ(::waitpid(manager.pid, nullptr, 0), manager.pid);
  ASSERT_TRUE(wait_for_end(instance));
  manager.start(argv);
  ASSERT_TRUE(manager.hear_until("READY=1"));

  const Finished read = reads.finish();
  EXPECT_EQ(read.code, 0) << read.out << read.err;
  EXPECT_NE(platform.pid_of_instance("shared-0"), instance);
  EXPECT_EQ(platform.voicectl({"tenant", "delete", "techsupport", "--confirm=techsupport"}).code,
            0);
  std::thread end([&] { (void)platform.down(); });
  ASSERT_TRUE(manager.hear_until("STOPPING=1"));
  end.join();
  EXPECT_THAT(manager.names(), IsEmpty());
  ASSERT_EQ(::waitpid(manager.pid, nullptr, 0), manager.pid);
}

}  // namespace
}  // namespace voicectl::e2e
