// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/real_host.h"

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/os/descriptor_room.h"
#include "base/os/fd_channel.h"
#include "base/os/file_lock.h"
#include "base/os/own_directory.h"
#include "base/os/posix_file_system.h"
#include "base/os/posix_host_scan.h"
#include "base/os/posix_listener_factory.h"
#include "base/os/posix_log_files.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/process_identity.h"
#include "base/os/service_descriptor_store.h"
#include "base/os/service_notify.h"
#include "base/os/system_clock.h"
#include "monitor/procfs_host_source.h"
#include "monitor/procfs_load_source.h"
#include "provisioner/certs/dev_authority.h"
#include "provisioner/daemon/client_http_probe.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/daemon.h"
#include "provisioner/daemon/live_load.h"
#include "provisioner/daemon/posix_hook_streams.h"
#include "provisioner/daemon/process_inspector.h"
#include "provisioner/daemon/program_fingerprint.h"
#include "provisioner/daemon/status_view.h"
#include "provisioner/daemon/watch.h"
#include "provisioner/edge/nginx_edge.h"
#include "provisioner/holder/holder_store.h"
#include "provisioner/holder/moved_store.h"
#include "provisioner/instances/posix_log_pipe.h"
#include "provisioner/registry/sqlite_registry.h"

namespace voicectl {
namespace {

/// Longest run folder: the longest socket below it is tenants/<63 characters>.sock, and an address
/// holds 107 bytes.
constexpr std::size_t kMaxRunFolder =
    107 - std::string_view("/tenants/").size() - 63 - std::string_view(".sock").size();
static_assert(kMaxRunFolder == 30, "as provisioner/daemon/README.md says");

struct Users {
  std::optional<UserIds> instances;
  std::optional<EdgeUser> edge;
  std::optional<std::uint32_t> edge_group;
};

Result<UserIds> find_user(const std::string& name) {
  const passwd* const found = ::getpwnam(name.c_str());
  if (found == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot find user '{}'; name one that exists", name));
  }
  return UserIds{found->pw_uid, found->pw_gid};
}

Result<Users> find_users(const HostOptions& options) {
  Users users;
  const bool is_root = ::geteuid() == 0;
  if (!is_root && !(options.instance_user.empty() && options.edge_user.empty())) {
    return Error(ErrorCode::kPermissionDenied,
                 "cannot use --instance-user or --edge-user: only root can change users");
  }
  if (!options.instance_user.empty()) {
    VC_TRY(users.instances, find_user(options.instance_user));
  }
  if (is_root) {
    const std::string name = options.edge_user.empty() ? "www-data" : options.edge_user;
    VC_TRY(const UserIds ids, find_user(name));
    const group* const found = ::getgrgid(ids.gid);
    users.edge = EdgeUser{name, found == nullptr ? name : found->gr_name};
    users.edge_group = ids.gid;
  }
  return users;
}

std::string own_name() {
  const passwd* const found = ::getpwuid(::geteuid());
  return found == nullptr ? std::to_string(::geteuid()) : found->pw_name;
}

/// Of an instance: its process, its channel and its log, and more while it is replaced.
constexpr std::uint64_t kDescriptorsOfInstance = 8;
/// Of the daemon itself: registry, logs, edge, control connections.
constexpr std::uint64_t kOwnDescriptors = 64;

/// Whoever cannot open all that there is to take over must not begin: what it could not take would
/// be lost with the process that keeps it now.
Status check_descriptor_room(const Snapshot& recorded) {
  const std::size_t tenants = recorded.tenants.size();
  const std::size_t instances = recorded.instances.size();
  return require_free_descriptors(
      2 * tenants + kDescriptorsOfInstance * instances + kOwnDescriptors,
      fmt::format("take over {} tenants and {} instances (which go on without a daemon)", tenants,
                  instances));
}

constexpr const char* kEdgeNote = "edge.process";

}  // namespace

struct RealHost::Inner {
  Inner(AsioReactor& loop, HostOptions given, Users who, LogSink& sink)
      : reactor(loop),
        options(std::move(given)),
        users(std::move(who)),
        log(sink, wall, options.log_level) {}

  NginxEdgeOptions edge_options() const;
  DaemonOptions daemon_options() const;
  std::shared_ptr<DescriptorStore> make_descriptor_store();
  std::shared_ptr<HolderStore> make_holder_store();
  /// Whether an earlier run has left one.
  bool has_holder();
  DaemonSeams seams();
  void adopt_edge(Completion<bool> done);
  void remember_edge();
  Status serve_control();
  void stop();

  AsioReactor& reactor;
  HostOptions options;
  Users users;
  SystemWallClock wall;
  SystemRandom random;
  Log log;
  PosixFileSystem files;
  PosixHostScan scan;
  PosixListenerFactory listeners;
  PosixLogFiles log_files;
  /// Two daemons with one run folder would take each other's sockets away.
  std::optional<FileLock> run_lock;
  std::unique_ptr<Registry> registry;
  std::optional<ProcessIdentity> recorded_edge;
  PosixProcessSpawner processes{reactor, reactor};
  PosixFdChannelFactory channels{reactor, reactor};
  PosixLogPipeFactory log_pipes{reactor, log_files, wall};
  /// Null where none is needed.
  std::shared_ptr<HolderStore> holder;
  std::shared_ptr<DescriptorStore> descriptors = make_descriptor_store();
  UnixEdgeStatusSource edge_status{reactor, reactor};
  std::unique_ptr<NginxEdge> edge;
  // Helper threads end before what they work on.
  ThreadOffload registry_offload{reactor};
  ThreadOffload key_offload{reactor};
  ThreadOffload program_offload{reactor};
  ProcessInspector inspector{reactor, processes, users.instances};
  ClientHttpProbe probe{reactor};
  PosixHookStreamFactory hook_streams{reactor};
  std::unique_ptr<DevAuthority> authority;
  ProgramFingerprint fingerprint;
  std::unique_ptr<Daemon> daemon;
  ProcfsLoadSource load_source{files};
  ProcfsHostSource host_source{files, options.paths.state};
  std::unique_ptr<Watch> watch;
  std::unique_ptr<StatusView> status;
  std::unique_ptr<ControlServer> control;
  bool has_failed = false;
};

NginxEdgeOptions RealHost::Inner::edge_options() const {
  NginxEdgeOptions out;
  out.program = options.nginx;
  out.folders = EdgeFolders{options.paths.run, options.paths.log};
  return out;
}

DaemonOptions RealHost::Inner::daemon_options() const {
  DaemonOptions out;
  out.paths = options.paths;
  out.launch.program = options.runtime;
  // A turn of the loop gives back dozens of blocks of one size, of which glibc would keep seven.
  out.launch.environment = {{"GLIBC_TUNABLES", "glibc.malloc.tcache_count=200"}};
  out.launch.user = users.instances;
  out.launch.dedicated_niceness = options.dedicated_niceness;
  out.own_uid = ::geteuid();
  out.own_pid = ::getpid();
  out.edge.folders = EdgeFolders{options.paths.run, options.paths.log};
  out.edge.plain_http = options.plain_http ? PlainHttp::kServe : PlainHttp::kRedirect;
  out.edge.user = users.edge;
  if (users.edge_group) {
    out.certificate_owner = UserIds{0, *users.edge_group};
    out.tenant_socket_access = SocketAccess{FileMode{0660}, users.edge_group};
  }
  return out;
}

std::shared_ptr<DescriptorStore> RealHost::Inner::make_descriptor_store() {
  // Taken in any case, so that no child inherits them.
  std::vector<ServiceDescriptor> given = take_service_descriptors();
  const std::optional<std::size_t> room = service_descriptor_room();
  const bool has_given = !given.empty();
  const auto of_service = [&] {
    return std::make_shared<ServiceDescriptorStore>(
        reactor, ServiceDescriptorStore::Service{.given = std::move(given), .room = room});
  };
  DescriptorKeeper wanted = options.keeper;
  if (wanted == DescriptorKeeper::kAuto) {
    wanted = room.value_or(0) > 0 ? DescriptorKeeper::kSystemd : DescriptorKeeper::kHolder;
  }
  if (wanted == DescriptorKeeper::kHolder) {
    holder = make_holder_store();
    return has_given ? std::make_shared<MovedStore>(holder, of_service())
                     : std::shared_ptr<DescriptorStore>(holder);
  }
  std::shared_ptr<DescriptorStore> store = std::make_shared<NoDescriptorStore>(
      [this](std::function<void()> task) { reactor.post(std::move(task)); });
  if (wanted == DescriptorKeeper::kSystemd) {
    store = of_service();
    if (options.keep_connections) {
      // The manager keeps listeners; connections change too often for it.
      holder = make_holder_store();
      return std::make_shared<MovedStore>(store, holder, MovedStore::Afterwards::kKeep);
    }
  }
  return has_holder() ? std::make_shared<MovedStore>(store, make_holder_store()) : store;
}

bool RealHost::Inner::has_holder() {
  const auto noted = files.read(HolderStore::identity_file(options.paths.run), 1);
  return noted.has_error() || noted->has_value();
}

std::shared_ptr<HolderStore> RealHost::Inner::make_holder_store() {
  const std::string beside = options.runtime.substr(0, options.runtime.rfind('/') + 1);
  return std::make_shared<HolderStore>(
      HolderStore::Deps{reactor, processes, listeners, channels, files},
      HolderStore::Options{
          .program = options.holder.empty() ? beside + "voicectl-holder" : options.holder,
          .run = options.paths.run,
          .own_uid = ::geteuid()});
}

DaemonSeams RealHost::Inner::seams() {
  return DaemonSeams{reactor, registry_offload, *registry, files, scan, processes, listeners,
                     *descriptors, options.keep_connections ? holder.get() : nullptr, channels,
                     log_pipes, random, wall, log, *authority, *edge,
                     [this](Completion<bool> done) { adopt_edge(std::move(done)); },
                     program_offload, inspector, probe, hook_streams,
                     [this] { return fingerprint.of(options.runtime); },
                     // The daemon is made before its watch, and plans when that is there.
                     [this] { return watch ? live_load(watch->load()) : LiveLoad{}; }};
}

void RealHost::Inner::adopt_edge(Completion<bool> done) {
  edge->adopt(recorded_edge, std::move(done));
}

void RealHost::Inner::remember_edge() {
  const std::optional<ProcessIdentity> now = edge->observe().process;
  if (now == recorded_edge) {
    return;
  }
  recorded_edge = now;
  daemon->registry().run<void>([text = now ? render_identity(*now) : ""](
                                   Registry& target) { return target.put_note(kEdgeNote, text); },
                               [this](const Status& stored) {
                                 if (stored.has_error()) {
                                   log.error("edge.not_recorded", {{"error", stored.error()}});
                                 }
                               });
}

Status RealHost::Inner::serve_control() {
  const std::string path =
      options.control.empty() ? options.paths.run + "/control.sock" : options.control;
  VC_TRY(UniqueFd listener, listeners.bind_unix(path, SocketAccess{FileMode{0600}, std::nullopt}));
  control->serve(std::move(listener));
  log.info("daemon.serving", {{"reason", path}});
  return ok_status();
}

void RealHost::Inner::stop() {
  daemon->instances().detach();
  reactor.stop();
}

RealHost::RealHost(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
RealHost::~RealHost() = default;

Result<std::unique_ptr<RealHost>> RealHost::open(AsioReactor& reactor,
                                                 HostOptions options,
                                                 LogSink& sink) {
  if (options.paths.run.size() > kMaxRunFolder) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use --run '{}': at most {} bytes, so that the sockets below "
                             "it have addresses",
                             options.paths.run, kMaxRunFolder));
  }
  VC_TRY(Users users, find_users(options));
  raise_descriptor_limit();  // the soft limit of many systems ends at 500 tenants
  auto inner = std::make_unique<Inner>(reactor, std::move(options), std::move(users), sink);
  VC_TRY(claim_directory(inner->files, inner->options.paths.state, kPrivateDirectory));
  VC_TRY(claim_directory(inner->files, inner->options.paths.run, kSharedDirectory));
  VC_TRY(inner->run_lock, FileLock::take(inner->options.paths.run + "/voicectld.lock"));
  VC_TRY(inner->registry, open_sqlite_registry(inner->options.paths.registry()));
  VC_TRY(LoadedState loaded, load_state(*inner->registry, inner->registry->epoch()));
  VC_TRY(check_descriptor_room(loaded.snapshot));
  VC_TRY(const std::optional<std::string> note, inner->registry->find_note(kEdgeNote));
  inner->recorded_edge = note ? parse_identity(*note) : std::nullopt;
  inner->authority = std::make_unique<DevAuthority>(
      inner->files, inner->key_offload, inner->wall,
      DevAuthorityOptions{inner->options.paths.state + "/authority.pem",
                          inner->options.paths.state + "/authority-root.pem",
                          {}});
  Inner* const raw = inner.get();
  inner->edge = std::make_unique<NginxEdge>(
      NginxEdgeDeps{reactor, inner->files, inner->processes, inner->edge_status, inner->random},
      inner->edge_options(), [raw](const EdgeEvent& event) {
        raw->daemon->loop().on_edge_event(event);
        raw->remember_edge();
      });
  inner->daemon =
      std::make_unique<Daemon>(inner->seams(), inner->daemon_options(), std::move(loaded));
  inner->watch = std::make_unique<Watch>(
      Watch::Deps{reactor, *inner->daemon, inner->load_source, inner->host_source, inner->probe,
                  inner->options.paths.state + "/authority-root.pem",
                  [raw] { return raw->processes.identify(::getpid()); }, VOICECTL_VERSION});
  inner->status = std::make_unique<StatusView>(StatusView::Deps{
      inner->daemon->loop(), inner->daemon->recorded(), inner->daemon->instances(), *inner->edge,
      inner->daemon->drift(), reactor, inner->options.paths, VOICECTL_VERSION, own_name(),
      ::getpid(), [raw] { return raw->watch->load(); },
      [raw] { return raw->watch->liveness().missed(); }, inner->watch->edge(),
      [raw] { return raw->host_source.sample(); }});
  inner->control = std::make_unique<ControlServer>(ControlServer::Deps{
      reactor,
      inner->daemon->loop(),
      inner->daemon->recorded(),
      inner->daemon->registry(),
      inner->daemon->instances(),
      inner->daemon->keys(),
      inner->daemon->secrets(),
      inner->daemon->events(),
      inner->daemon->upgrade(),
      inner->watch->monitor(),
      inner->daemon->lock(),
      [raw] { return raw->daemon->metrics() + raw->watch->metrics(); },
      inner->daemon->drift(),
      *inner->status,
      inner->wall,
      inner->options.paths,
      inner->registry->identity(),
      ::geteuid(),
      [raw] { return raw->watch->load(); },
      [raw] {
        raw->descriptors->clear([raw] {
          // Later, so that the end of the answer still leaves.
          raw->reactor.call_after(std::chrono::milliseconds(50), [raw] { raw->stop(); });
        });
      }});
  return std::unique_ptr<RealHost>(new RealHost(std::move(inner)));
}

void RealHost::start(std::function<void()> on_ready) {
  Inner& inner = *inner_;
  inner.reactor.post([&inner, on_ready] {
    const Status started = inner.daemon->start([&inner, on_ready] {
      inner.remember_edge();
      inner.watch->begin();
      if (const Status served = inner.serve_control(); served.has_error()) {
        inner.log.error("daemon.not_serving", {{"error", served.error()}});
        inner.has_failed = true;
        inner.stop();
        return;
      }
      on_ready();
    });
    if (started.has_error()) {
      inner.log.error("daemon.not_started", {{"error", started.error()}});
      inner.has_failed = true;
      inner.stop();
    }
  });
}

bool RealHost::has_failed() const {
  return inner_->has_failed;
}

void RealHost::detach() {
  inner_->log.info("daemon.ends", {{"reason", "asked to; instances and edge go on"}});
  inner_->stop();
}

void RealHost::reopen_logs() {
  if (const Status reopened = inner_->edge->reopen_logs(); reopened.has_error()) {
    inner_->log.error("edge.logs_not_reopened", {{"error", reopened.error()}});
  }
}

void RealHost::reload(std::function<void()> done) {
  reopen_logs();
  inner_->daemon->loop().converge("asked to reload", std::move(done));
}

}  // namespace voicectl
