// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/os/file_system.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/backend/erpnext/erpnext_backend.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/tenant/config.h"
#include "runtime/tenant/tenant_scope.h"
#include "runtime/ultravox/call.h"
#include "runtime/webhook/remote_tools.h"
#include "runtime/webhook/session_archive.h"

namespace voicectl::runtime {

/// What a tenant has to do with its ERPNext: client, backend, tools, records of sessions.
///
/// It is there for every tenant and idle for those that have none, so that a change of backend
/// replaces nothing that is under way.
/// THREADS: loop thread only.
class ErpSide {
 public:
  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    SessionBook& book;
    Outbox& outbox;
    HttpClient& http;
    FileSystem& files;
    /// See RemoteTools::Deps.
    std::function<void(const std::string&)> on_record;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  ErpSide(Deps deps, const TenantConfig& config, SiteClocks clocks);

  /// Takes a new configuration; requests under way finish with the old one.
  void reconfigure(const TenantConfig& config, SiteClocks clocks);

  Backend& backend() { return backend_; }
  RemoteTools& tools() { return tools_; }
  const RemoteTools& tools() const { return tools_; }
  const ErpnextFigures& figures() const { return client_.figures(); }
  std::vector<std::string> promised() const { return tools_.promised(); }
  /// Goes on where another process ended.
  void go_on_with(const std::vector<std::string>& promised,
                  std::uint64_t promises,
                  const ErpnextFigures& figures) {
    tools_.go_on_with(promised, promises);
    client_.count_from(figures);
  }
  void add_to(Outbox& outbox);
  bool has_site() const { return config_.kind == BackendKind::kErpnext; }
  /// What the site has of these documents: a JSON array.
  void read_documents(const std::string& doctype,
                      const std::vector<std::string>& names,
                      ErpnextClient::OnAnswer done) {
    client_.read(doctype, names, std::move(done));
  }
  /// The effects that a session's end, or news of it, have here; none without an ERPNext.
  std::vector<NewEffect> on_session_news(const Session& session, std::string_view occasion) const;
  /// The secrets that sign ERPNext's webhooks now, read from their file. ERRORS: kUnavailable.
  Result<std::vector<Secret>> webhook_secrets() const;
  /// Puts the site's own tools into a call, if that is how the tenant is set up.
  /// ERRORS: kUnavailable (the credentials).
  Status point_tools_at_site(const TenantConfig& config,
                             const Session& session,
                             ultravox::CallRequest& request) const;
  /// What a session learns of the tools of its call, once their messages are here.
  Change outcomes_of(const Session& session,
                     const ultravox::Call& call,
                     const std::vector<ultravox::CallMessage>& messages) const;

 private:
  FileSystem& files_;
  const WallClock& clock_;
  BackendConfig config_;
  SiteClocks clocks_;
  std::shared_ptr<const AddressPolicy> addresses_;
  ErpnextClient client_;
  ErpnextBackend backend_;
  RemoteTools tools_;
  SessionArchive archive_;
};

/// The clocks of a tenant and of its site. ERRORS: as load_time_zone.
Result<SiteClocks> load_clocks(FileSystem& files, const TenantConfig& config, TimeZone tenant);

}  // namespace voicectl::runtime
