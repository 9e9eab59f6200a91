// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/backend/erpnext/erpnext_backend.h"
#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"
#include "runtime/outbox/outbox.h"
#include "runtime/webhook/remote_tools.h"
#include "runtime/webhook/session_archive.h"
#include "tests/support/session/fake_session_store.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {

/// A tenant with an ERPNext on simulated time: its process can be killed at any turn of the loop;
/// its disk and the other system stay.
class SimulatedTenant {
 public:
  SimulatedTenant();

  /// A process that begins with what the disk has.
  void start();
  void kill();
  bool is_running() const { return process_.has_value(); }

  /// One tool call of the session that is there.
  void order(const std::string& request_key = "", const std::string& item = "Margherita");

  /// How long the network takes, each way.
  Duration one_way = std::chrono::milliseconds(10);

  SimReactor world;
  SimWallClock clock{world};
  SeededRandom random{7};
  FakeStoreDisk disk;
  ErpnextStandIn site{ErpnextStandIn::usual_site()};
  /// Requests that wait behind this moment before the site takes them up.
  MonoTime site_busy_until{};
  std::vector<std::string> answers;

  std::vector<std::string> event_types() const;
  Session session() const { return disk.sessions.begin()->second; }

  struct Process {
    explicit Process(SimulatedTenant& tenant);
    SimReactorView loop;
    FakeSessionStore store;
    EventHub hub;
    std::optional<Outbox> outbox;
    SessionBook book;
    ErpnextClient client;
    ErpnextBackend backend;
    RemoteTools tools;
    SessionArchive archive;
    ToolDispatch dispatch;
  };
  std::optional<Process> process_;

 private:
  void transport(const HttpCall& call, const Completion<HttpResponse>& done);
};

}  // namespace voicectl::runtime
