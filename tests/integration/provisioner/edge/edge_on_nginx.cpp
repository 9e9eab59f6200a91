// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/provisioner/edge/edge_on_nginx.h"

#include <arpa/inet.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "base/os/unique_fd.h"
#include "provisioner/edge/edge_status.h"

namespace voicectl {
namespace {

constexpr const char* kEdgeUser = "www-data";

bool is_root() {
  return ::geteuid() == 0;
}

std::optional<UserIds> owner_of_copies() {
  if (!is_root()) {
    return std::nullopt;
  }
  const group* found = ::getgrnam(kEdgeUser);
  return UserIds{0, found == nullptr ? 0 : found->gr_gid};
}

}  // namespace

Port find_free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      ::bind(socket.get(), generic, size) == 0 && ::getsockname(socket.get(), generic, &size) == 0;
  VC_CHECK(bound, "a loopback address has free ports");
  return *Port::make(ntohs(address.sin_port));
}

/// What dies with a daemon.
struct EdgeOnNginx::Daemon {
  Daemon(FileSystem& files,
         Random& random,
         const WallClock& clock,
         const EdgeFolders& folders,
         const std::string& base)
      : store(files, {base + "/certs", edge_certificate_folder(folders), owner_of_copies()}) {
    thread = std::thread([this] { reactor.run(); });
    run([&] {
      NginxEdgeOptions options;
      options.folders = folders;
      options.serve_timeout = std::chrono::seconds(5);
      spawner = std::make_unique<PosixProcessSpawner>(reactor, reactor);
      status = std::make_unique<UnixEdgeStatusSource>(reactor, reactor);
      edge = std::make_unique<NginxEdge>(NginxEdgeDeps{reactor, files, *spawner, *status, random},
                                         options, [this](const EdgeEvent& event) { note(event); });
      offload = std::make_unique<ThreadOffload>(reactor);
      authority = std::make_unique<DevAuthority>(
          files, *offload, clock,
          DevAuthorityOptions{base + "/authority.pem", base + "/root.pem", {}});
    });
  }

  ~Daemon() {
    run([this] {
      authority.reset();
      offload.reset();
      edge.reset();
      status.reset();
      spawner.reset();
    });
    reactor.stop();
    thread.join();
  }

  void run(const std::function<void()>& task) {
    std::promise<void> finished;
    reactor.post([&] {
      task();
      finished.set_value();
    });
    finished.get_future().wait();
  }

  void note(const EdgeEvent& event) {
    const std::lock_guard lock(mutex);
    events.push_back(event);
    changed.notify_all();
  }

  /// Starts something on the loop and waits for what comes of it.
  template <typename T>
  Result<T> wait_for(const std::function<void(Completion<T>)>& begin) {
    std::promise<Result<T>> promise;
    run([&] { begin([&promise](Result<T> result) { promise.set_value(std::move(result)); }); });
    return promise.get_future().get();
  }

  AsioReactor reactor;
  std::thread thread;
  CertificateStore store;
  std::unique_ptr<PosixProcessSpawner> spawner;
  std::unique_ptr<UnixEdgeStatusSource> status;
  std::unique_ptr<NginxEdge> edge;
  std::unique_ptr<ThreadOffload> offload;
  std::unique_ptr<DevAuthority> authority;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<EdgeEvent> events;
};

EdgeOnNginx::EdgeOnNginx()
    : folders_{folder_.path("run"), folder_.path("log")},
      http_port_(find_free_port()),
      https_port_(find_free_port()) {
  // nginx's own processes are another user where we are root.
  VC_CHECK(files_.make_directory(folder_.path(), kSharedDirectory).has_value(), "it is ours");
  VC_CHECK(files_.make_directory(folders_.run + "/tenants", kSharedDirectory).has_value(), "");
  VC_CHECK(files_.make_directory(folders_.run, kSharedDirectory).has_value(), "");
  VC_CHECK(files_.make_directory(folders_.log, kSharedDirectory).has_value(), "");
  restart_daemon();
}

EdgeOnNginx::~EdgeOnNginx() {
  (void)stop();  // a test that has stopped nginx itself is fine
}

void EdgeOnNginx::restart_daemon() {
  daemon_.reset();
  daemon_ = std::make_unique<Daemon>(files_, random_, clock_, folders_, folder_.path());
}

EdgeConfig EdgeOnNginx::config() const {
  EdgeConfig config{.address = "127.0.0.1",
                    .http_port = http_port_,
                    .https_port = https_port_,
                    .domain = *HostName::parse("voice.localhost"),
                    .folders = folders_,
                    .plain_http = PlainHttp::kServe,
                    .user = std::nullopt,
                    .processes = 1,
                    .connections_per_process = 512,
                    .api_limit = std::nullopt,
                    .voice_limit = std::nullopt,
                    .tenants = {}};
  if (is_root()) {
    config.user = EdgeUser{kEdgeUser, kEdgeUser};
  }
  return config;
}

Result<bool> EdgeOnNginx::adopt() {
  return daemon_->wait_for<bool>(
      [this](Completion<bool> done) { daemon_->edge->adopt(std::nullopt, std::move(done)); });
}

Result<EdgeOutcome> EdgeOnNginx::configure(const EdgeConfig& config) {
  return daemon_->wait_for<EdgeOutcome>(
      [&](Completion<EdgeOutcome> done) { daemon_->edge->configure(config, std::move(done)); });
}

Status EdgeOnNginx::stop() {
  return daemon_->wait_for<void>(
      [this](Completion<void> done) { daemon_->edge->stop(std::move(done)); });
}

EdgeObservation EdgeOnNginx::observe() {
  EdgeObservation seen;
  on_loop([&] { seen = daemon_->edge->observe(); });
  return seen;
}

Status EdgeOnNginx::publish(const std::string& tenant, const std::vector<std::string>& hosts) {
  std::vector<HostName> names;
  for (const std::string& host : hosts) {
    names.push_back(*HostName::parse(host));
  }
  Status status;
  on_loop([&] {
    status = daemon_->edge->publish_route(*TenantId::parse(tenant), names, socket_of(tenant));
  });
  return status;
}

Status EdgeOnNginx::withdraw(const std::string& tenant) {
  Status status;
  on_loop([&] { status = daemon_->edge->withdraw_route(*TenantId::parse(tenant)); });
  return status;
}

Status EdgeOnNginx::certify(const std::string& name) {
  Result<Certificate> made = daemon_->wait_for<Certificate>([&](Completion<Certificate> done) {
    daemon_->authority->issue({name, {}}, std::move(done));
  });
  return made.has_error() ? Status(made.error()) : daemon_->store.put(*made);
}

void EdgeOnNginx::on_loop(const std::function<void()>& task) {
  daemon_->run(task);
}

bool EdgeOnNginx::wait_for(EdgeEvent::Kind kind) {
  std::unique_lock lock(daemon_->mutex);
  return daemon_->changed.wait_for(lock, std::chrono::seconds(10), [&] {
    return std::any_of(daemon_->events.begin(), daemon_->events.end(),
                       [kind](const EdgeEvent& event) { return event.kind == kind; });
  });
}

std::string EdgeOnNginx::socket_of(const std::string& tenant) const {
  return tenant_socket(folders_, *TenantId::parse(tenant));
}

ClientOptions EdgeOnNginx::https(const std::string& server_name) const {
  return {https_port_, server_name, root_file()};
}

ClientOptions EdgeOnNginx::http() const {
  return {http_port_, "", ""};
}

std::vector<int> EdgeOnNginx::processes_of_nginx() {
  const std::string pid = std::to_string(observe().process->pid);
  const std::string path = "/proc/" + pid + "/task/" + pid + "/children";
  std::istringstream text((*files_.read(path, 4096)).value_or(""));
  std::vector<int> out;
  for (int number = 0; text >> number;) {
    out.push_back(number);
  }
  return out;
}

void EdgeOnNginx::send_signal(const ProcessIdentity& who, int signal_number) {
  // To the one process: a crash does not take its group along.
  ::kill(who.pid, signal_number);
}

}  // namespace voicectl
