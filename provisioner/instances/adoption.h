// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/instances/process_file.h"
#include "provisioner/instances/supervised_instance.h"

namespace voicectl {

/// One look at everything that may have outlived an earlier run of the daemon.
///
/// For each folder of an instance, and each record: connect, greet, make sure who it is, take the
/// tenants' listeners back, supervise; then end what has no record or does not answer.
/// THREADS: loop thread only.
class Adoption {
 public:
  /// Puts a found process under supervision; kNotFound if it has ended.
  using Supervise = std::function<Status(const InstanceOptions&, FoundInstance)>;
  /// Ends a supervised instance and removes its folder.
  using End = std::function<void(const InstanceId&, Duration grace, Completion<void>)>;

  Adoption(Supervision& supervision, Supervise supervise, End end);
  ~Adoption();
  Adoption(const Adoption&) = delete;
  Adoption& operator=(const Adoption&) = delete;

  /// `done` gets the report in a later turn. Once.
  void begin(std::vector<AdoptRecord> records, Completion<AdoptReport> done);

  /// Answers with `why` and looks no further.
  void cancel(const Error& why);

 private:
  struct Candidate {
    std::optional<AdoptRecord> record;
    std::unique_ptr<ControlLink> link;
    /// nullopt if there is none that can be read.
    std::optional<ProcessFile> file;
    ProcessIdentity process;
    std::string version;
    std::map<TenantId, LentTenant> tenants;
    ControlSocket socket = ControlSocket::kFirst;
    UniqueFd admin_listener;
    /// What runs beside it is being ended, and nothing else is done meanwhile.
    bool waits_for_next = false;
  };

  Status find_candidates(std::vector<AdoptRecord> records);
  void look_at(const InstanceId& id, Candidate& candidate);
  /// Ends what an earlier run has started to take its place. It has no tenant.
  void end_next(const InstanceId& id, Candidate& candidate);
  /// kLeft: nobody could end it; its note stays for the next daemon.
  enum class NextIs { kGone, kLeft };
  void forget_next(const InstanceId& id, NextIs fate);
  void greet(const InstanceId& id, Candidate& candidate);
  Result<std::unique_ptr<FdChannel>> connect(const InstanceId& id, Candidate& candidate);
  void take_hello(const InstanceId& id, const Result<std::string>& answer);
  Result<ProcessIdentity> identify(const InstanceId& id,
                                   const Candidate& candidate,
                                   const std::string& hello_body) const;
  void ask_for_listeners(const InstanceId& id, Candidate& candidate);
  void take_listener(const InstanceId& id, const std::string& body, std::vector<UniqueFd> both);
  /// Null if it is not to have that tenant.
  static const ListenerPlaces* places_of(const Candidate& candidate, const TenantId& tenant);
  void take_admin_listener(const InstanceId& id, Candidate& candidate, UniqueFd listener);
  void take_regained(const InstanceId& id, const Result<std::string>& answer);
  void supervise(const InstanceId& id, Candidate& candidate);
  void end_unanswering(const InstanceId& id, Candidate& candidate, const Error& why);
  void end(const InstanceId& id, Duration grace);
  void clean_up(const InstanceId& id, const Candidate& candidate);
  void leave_alone(const InstanceId& id, Candidate& candidate, const Error& why);
  std::optional<InstanceOptions> options_of(const InstanceId& id, const Candidate& candidate) const;

  void finish_one();
  void answer(Result<AdoptReport> result);

  Supervision& supervision_;
  Supervise supervise_;
  End end_;
  std::map<InstanceId, Candidate> candidates_;
  std::size_t open_ = 0;
  AdoptReport report_;
  Completion<AdoptReport> done_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
