// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_edge.h"

#include <csignal>
#include <functional>
#include <utility>

#include "base/check.h"
#include "provisioner/edge/edge_record.h"
#include "provisioner/edge/edge_routes.h"
#include "provisioner/edge/nginx_adoption.h"
#include "provisioner/edge/nginx_change.h"
#include "provisioner/edge/nginx_edge_config.h"
#include "provisioner/edge/nginx_process.h"

namespace voicectl {
namespace {

constexpr FileMode kReadableDirectory{0755};

/// A configuration that waits to be served.
struct Job {
  std::string text;
  std::string fingerprint;
  HostName domain;
  Completion<EdgeOutcome> done;
};

Error busy() {
  return Error(ErrorCode::kConflict,
               "cannot configure the edge: it is being configured or stopped; try again after");
}

}  // namespace

/// Decides what happens next; what it takes is in the parts.
class NginxEdge::Inner {
 public:
  Inner(const NginxEdgeDeps& deps, NginxEdgeOptions options, OnEvent on_event);

  void adopt(const std::optional<ProcessIdentity>& recorded, Completion<bool> done);
  void configure(const EdgeConfig& config, Completion<EdgeOutcome> done);
  void stop(Completion<void> done);
  Status reopen_logs() { return process_.signal(SIGUSR1); }
  EdgeRoutes& routes() { return routes_; }
  std::string config_file() const { return process_.config_file(); }
  EdgeObservation observe() const;

 private:
  enum class Phase { kIdle, kConfiguring, kRestarting, kStopping };

  std::string record_file() const { return edge_folder(options_.folders) + "/process.json"; }
  Status take_over();
  Status prepare_folders();
  Result<Job> make_job(const EdgeConfig& config, Completion<EdgeOutcome> done);
  bool is_served(const Job& job);
  void run_job();
  void end_job(Result<EdgeOutcome> result);
  void died(const std::string& how);
  void schedule_restart();
  void restart();
  void restarted(const Status& status);
  void press_stop(int signal_number);
  void stopped(Status status);
  Status record(const ProcessIdentity& who);
  void emit(EdgeEvent::Kind kind, const std::string& detail);
  void cancel_timer();

  NginxEdgeDeps deps_;
  NginxEdgeOptions options_;
  OnEvent on_event_;
  EdgeRoutes routes_;
  NginxProcess process_;
  NginxChange change_;
  NginxAdoption adoption_;

  Phase phase_ = Phase::kIdle;
  std::optional<Job> job_;
  /// Domain of an nginx that an earlier daemon run configured.
  std::optional<HostName> domain_before_;
  /// Of what nginx serves, or served when it died; empty for unknown.
  std::string fingerprint_;
  /// nginx is meant to run: it is restarted when it ends.
  bool is_wanted_ = false;
  std::uint64_t reloads_ = 0;
  std::uint64_t deaths_ = 0;
  int attempt_ = 0;
  MonoTime served_since_{};
  /// The next restart, or the next step of stopping.
  std::optional<TimerId> timer_;
  Completion<void> stop_done_;
};

NginxEdge::Inner::Inner(const NginxEdgeDeps& deps, NginxEdgeOptions options, OnEvent on_event)
    : deps_(deps),
      options_(std::move(options)),
      on_event_(std::move(on_event)),
      routes_(deps.files, options_.folders),
      process_(deps_,
               options_,
               {[this](const ProcessIdentity& who) { return record(who); },
                [this](const std::string& how) { died(how); }}),
      change_(deps_, options_, process_),
      adoption_(deps_, options_, process_) {}

void NginxEdge::Inner::adopt(const std::optional<ProcessIdentity>& recorded,
                             Completion<bool> done) {
  VC_CHECK(!is_wanted_ && phase_ == Phase::kIdle, "adoption comes first");
  std::vector<ProcessIdentity> known;
  if (recorded) {
    known.push_back(*recorded);
  }
  if (std::optional<EdgeRecord> own = load_edge_record(deps_.files, record_file())) {
    known.push_back(own->process);
    domain_before_ = own->domain;
  }
  phase_ = Phase::kConfiguring;
  adoption_.run(known, [this, done = std::move(done)](const NginxAdoption::Outcome& outcome) {
    phase_ = Phase::kIdle;
    is_wanted_ = outcome.adopted;
    fingerprint_ = outcome.fingerprint;
    served_since_ = deps_.reactor.now();
    const Status written = outcome.adopted ? take_over() : ok_status();
    done(written.has_error() ? Result<bool>(written.error()) : Result<bool>(outcome.adopted));
  });
}

Status NginxEdge::Inner::take_over() {
  if (domain_before_) {
    VC_TRY(routes_.set_domain(*domain_before_));
  }
  return record(*process_.identity());
}

Status NginxEdge::Inner::prepare_folders() {
  const std::string folder = edge_folder(options_.folders);
  VC_TRY(deps_.files.make_directory(folder, kSharedDirectory));
  VC_TRY(deps_.files.make_directory(folder + "/temp", kSharedDirectory));
  VC_TRY(deps_.files.make_directory(folder + "/status", kPrivateDirectory));
  VC_TRY(deps_.files.make_directory(edge_certificate_folder(options_.folders), kSharedDirectory));
  VC_TRY(deps_.files.make_directory(edge_challenge_folder(options_.folders), kReadableDirectory));
  VC_TRY(deps_.files.make_directory(options_.folders.log + "/edge", kSharedDirectory));
  return routes_.prepare();
}

Result<Job> NginxEdge::Inner::make_job(const EdgeConfig& config, Completion<EdgeOutcome> done) {
  if (config.folders != options_.folders) {
    return Error(ErrorCode::kInvalidArgument, "cannot configure the edge for '" +
                                                  config.folders.run + "': its folder is '" +
                                                  options_.folders.run + "'");
  }
  VC_TRY(std::string fingerprint, edge_fingerprint(config));
  VC_TRY(const NginxTree tree, make_nginx_config(config));
  VC_TRY(std::string text, emit_nginx_config(tree));
  VC_TRY(prepare_folders());
  if (config.adopted) {
    return Job{config.adopted->text, config.adopted->fingerprint, config.domain, std::move(done)};
  }
  return Job{std::move(text), std::move(fingerprint), config.domain, std::move(done)};
}

bool NginxEdge::Inner::is_served(const Job& job) {
  if (!process_.identity() || fingerprint_ != job.fingerprint) {
    return false;
  }
  // The file counts too: someone may have changed what the next start would read.
  const Result<std::optional<std::string>> text =
      deps_.files.read(process_.config_file(), kMostConfigBytes);
  return text.has_value() && *text == job.text;
}

void NginxEdge::Inner::configure(const EdgeConfig& config, Completion<EdgeOutcome> done) {
  const auto fail = [this, &done](const Error& error) {
    deps_.reactor.post([done, error] { done(error); });
  };
  if (job_ || phase_ == Phase::kConfiguring || phase_ == Phase::kStopping) {
    fail(busy());
    return;
  }
  Result<Job> job = make_job(config, done);
  if (job.has_error()) {
    fail(job.error());
    return;
  }
  job_ = std::move(*job);
  if (phase_ == Phase::kIdle) {
    run_job();
  }
}

void NginxEdge::Inner::run_job() {
  cancel_timer();
  phase_ = Phase::kConfiguring;
  if (is_served(*job_)) {
    end_job(EdgeOutcome::kUnchanged);
    return;
  }
  change_.run(job_->text, job_->fingerprint,
              [this](Result<EdgeOutcome> result) { end_job(std::move(result)); });
}

void NginxEdge::Inner::end_job(Result<EdgeOutcome> result) {
  const Job job = std::move(*job_);
  job_.reset();
  phase_ = Phase::kIdle;
  if (result.has_value()) {
    reloads_ += *result == EdgeOutcome::kReloaded ? 1U : 0U;
    fingerprint_ = job.fingerprint;
    is_wanted_ = true;
    served_since_ = deps_.reactor.now();
    const Status routed = routes_.set_domain(job.domain);
    const Status written = record(*process_.identity());
    if (routed.has_error() || written.has_error()) {
      result = routed.has_error() ? routed.error() : written.error();
    }
  } else if (is_wanted_ && !process_.identity()) {
    schedule_restart();
  }
  deps_.reactor.post([done = job.done, result = std::move(result)] { done(result); });
}

void NginxEdge::Inner::died(const std::string& how) {
  if (phase_ == Phase::kStopping) {
    stopped(ok_status());
    return;
  }
  ++deaths_;
  if (deps_.reactor.now() - served_since_ > options_.restart.cap) {
    attempt_ = 0;
  }
  if (is_wanted_ && phase_ == Phase::kIdle) {
    schedule_restart();
  }
  emit(EdgeEvent::Kind::kDied, how);
}

void NginxEdge::Inner::schedule_restart() {
  cancel_timer();
  ++attempt_;
  timer_ = deps_.reactor.call_after(backoff(options_.restart, attempt_, deps_.random), [this] {
    timer_.reset();
    restart();
  });
}

void NginxEdge::Inner::restart() {
  phase_ = Phase::kRestarting;
  const Status started = process_.start();
  if (started.has_error()) {
    restarted(started);
    return;
  }
  process_.await(fingerprint_, Duration::zero(),
                 [this](const Status& status) { restarted(status); });
}

void NginxEdge::Inner::restarted(const Status& status) {
  if (phase_ == Phase::kStopping) {
    return;
  }
  phase_ = Phase::kIdle;
  if (status.has_error()) {
    (void)process_.signal(SIGKILL);  // it does not serve; the next try makes a new one
  } else {
    served_since_ = deps_.reactor.now();
  }
  if (job_) {
    run_job();
  } else if (status.has_error() && !process_.identity()) {
    schedule_restart();
  }
  emit(status.has_error() ? EdgeEvent::Kind::kFailing : EdgeEvent::Kind::kRestarted,
       status.has_error() ? status.error().text() : "serves configuration " + fingerprint_);
}

void NginxEdge::Inner::stop(Completion<void> done) {
  if (phase_ == Phase::kStopping) {
    deps_.reactor.post([done = std::move(done)] { done(busy()); });
    return;
  }
  change_.cancel();
  phase_ = Phase::kStopping;
  is_wanted_ = false;
  stop_done_ = std::move(done);
  cancel_timer();
  process_.cancel_wait();
  if (job_) {
    end_job(busy());
    phase_ = Phase::kStopping;
  }
  if (!process_.identity()) {
    stopped(ok_status());
    return;
  }
  press_stop(SIGTERM);
}

void NginxEdge::Inner::press_stop(int signal_number) {
  const Status told = process_.signal(signal_number);
  if (told.has_error()) {
    stopped(told);
    return;
  }
  timer_ = deps_.reactor.call_after(options_.stop_grace, [this, signal_number] {
    timer_.reset();
    if (signal_number == SIGTERM) {
      press_stop(SIGKILL);
      return;
    }
    stopped(Error(ErrorCode::kTimeout, "cannot stop nginx: it is still there after SIGKILL"));
  });
}

void NginxEdge::Inner::stopped(Status status) {
  cancel_timer();
  phase_ = Phase::kIdle;
  if (status.has_value()) {
    fingerprint_.clear();
    status = deps_.files.remove(record_file());
  }
  deps_.reactor.post([done = std::exchange(stop_done_, nullptr), status] { done(status); });
}

EdgeObservation NginxEdge::Inner::observe() const {
  EdgeObservation seen;
  seen.running = process_.identity().has_value();
  seen.process = process_.identity();
  seen.fingerprint = seen.running && phase_ != Phase::kRestarting ? fingerprint_ : "";
  seen.reloads = reloads_;
  seen.deaths = deaths_;
  return seen;
}

Status NginxEdge::Inner::record(const ProcessIdentity& who) {
  return store_edge_record(deps_.files, record_file(), {who, fingerprint_, routes_.domain()});
}

void NginxEdge::Inner::emit(EdgeEvent::Kind kind, const std::string& detail) {
  if (on_event_) {
    on_event_({kind, detail});
  }
}

void NginxEdge::Inner::cancel_timer() {
  if (timer_) {
    deps_.reactor.cancel(*timer_);
    timer_.reset();
  }
}

NginxEdge::NginxEdge(NginxEdgeDeps deps, NginxEdgeOptions options, OnEvent on_event)
    : inner_(std::make_unique<Inner>(deps, std::move(options), std::move(on_event))) {}

NginxEdge::~NginxEdge() = default;

void NginxEdge::adopt(std::optional<ProcessIdentity> recorded, Completion<bool> done) {
  inner_->adopt(recorded, std::move(done));
}

void NginxEdge::configure(const EdgeConfig& config, Completion<EdgeOutcome> done) {
  inner_->configure(config, std::move(done));
}

Status NginxEdge::publish_route(const TenantId& tenant,
                                const std::vector<HostName>& hosts,
                                const std::string& socket_path) {
  return inner_->routes().publish(tenant, hosts, socket_path);
}

Status NginxEdge::withdraw_route(const TenantId& tenant) {
  return inner_->routes().withdraw(tenant);
}

EdgeObservation NginxEdge::observe() const {
  return inner_->observe();
}

std::string NginxEdge::config_file() const {
  return inner_->config_file();
}

Status NginxEdge::reopen_logs() {
  return inner_->reopen_logs();
}

void NginxEdge::stop(Completion<void> done) {
  inner_->stop(std::move(done));
}

}  // namespace voicectl
