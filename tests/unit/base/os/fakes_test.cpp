// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "tests/support/contract_fd_channel.h"
#include "tests/support/contract_file_system.h"
#include "tests/support/contract_listener_factory.h"
#include "tests/support/contract_process_spawner.h"
#include "tests/support/contract_reactor.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

template <typename World, typename Fake>
std::unique_ptr<World> make() {
  return std::make_unique<Fake>();
}

class SimReactorWorld final : public ReactorWorld {
 public:
  Reactor& reactor() override { return reactor_; }
  void run_for(Duration length) override { reactor_.advance(length); }

 private:
  SimReactor reactor_;
};

class SimReactorViewWorld final : public ReactorWorld {
 public:
  Reactor& reactor() override { return view_; }
  void run_for(Duration length) override { reactor_.advance(length); }

 private:
  SimReactor reactor_;
  SimReactorView view_{reactor_};
};

INSTANTIATE_TEST_SUITE_P(Sim,
                         ReactorContract,
                         ::testing::Values(&make<ReactorWorld, SimReactorWorld>,
                                           &make<ReactorWorld, SimReactorViewWorld>));

class FakeFileSystemWorld final : public FileSystemWorld {
 public:
  FakeFileSystemWorld() { EXPECT_THAT(files_.make_directory("/root", kPrivateDirectory), IsOk()); }
  FileSystem& files() override { return files_; }
  std::string root() const override { return "/root"; }

 private:
  FakeFileSystem files_;
};

INSTANTIATE_TEST_SUITE_P(Fake,
                         FileSystemContract,
                         ::testing::Values(&make<FileSystemWorld, FakeFileSystemWorld>));

class FakeListenerWorld final : public ListenerWorld {
 public:
  FakeListenerWorld() { EXPECT_THAT(files_.make_directory("/run", kPrivateDirectory), IsOk()); }
  ListenerFactory& listeners() override { return factory_; }
  Port free_port() override { return *Port::make(next_port_++); }
  std::string root() const override { return "/run"; }
  void put_file(const std::string& path) override { files_.put(path, ""); }

 private:
  FakeFileSystem files_;
  FakeNetwork network_{files_};
  FakeListenerFactory factory_{network_};
  int next_port_ = 21000;
};

INSTANTIATE_TEST_SUITE_P(Fake,
                         ListenerContract,
                         ::testing::Values(&make<ListenerWorld, FakeListenerWorld>));

class FakeChannelWorld final : public ChannelWorld {
 public:
  Pair connect() override {
    Pair pair;
    hub_.listen("/run/socket", [&pair](auto channel) { pair.server = std::move(channel); });
    pair.client = factory_.connect("/run/socket").value();
    reactor_.settle();
    hub_.stop_listening("/run/socket");
    return pair;
  }
  Result<std::unique_ptr<FdChannel>> connect_to_nobody() override {
    return factory_.connect("/run/nobody");
  }
  std::uint32_t client_uid() const override { return 1000; }
  void run_until(const std::function<bool()>&) override { reactor_.settle(); }
  void settle() override { reactor_.settle(); }

 private:
  SimReactor reactor_;
  FakeChannelHub hub_{reactor_};
  FakeFdChannelFactory factory_{hub_, 1000};
};

INSTANTIATE_TEST_SUITE_P(Fake,
                         FdChannelContract,
                         ::testing::Values(&make<ChannelWorld, FakeChannelWorld>));

class FakeProcessWorld final : public ProcessWorld {
 public:
  FakeProcessWorld() {
    processes_.uninstall("/nonexistent/program");
    processes_.on_spawn = [this](const LaunchSpec& spec, const ProcessIdentity& who) {
      if (spec.argv.at(1) == "exit") {
        processes_.end(who, FakeProcesses::exited(std::stoi(spec.argv.at(2))));
      }
    };
  }
  ProcessSpawner& spawner() override { return *spawner_; }
  void restart_daemon() override {
    spawner_.reset();
    spawner_ = std::make_unique<FakeProcessSpawner>(processes_);
  }
  LaunchSpec program(std::vector<std::string> arguments) override {
    LaunchSpec spec;
    spec.argv = {"/usr/bin/program"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    return spec;
  }
  void run_until(const std::function<bool()>&) override { reactor_.settle(); }
  void settle() override { reactor_.settle(); }

 private:
  SimReactor reactor_;
  FakeProcesses processes_{reactor_};
  std::unique_ptr<FakeProcessSpawner> spawner_ = std::make_unique<FakeProcessSpawner>(processes_);
};

INSTANTIATE_TEST_SUITE_P(Fake,
                         ProcessSpawnerContract,
                         ::testing::Values(&make<ProcessWorld, FakeProcessWorld>));

}  // namespace
}  // namespace voicectl
