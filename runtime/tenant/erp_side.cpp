// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/erp_side.h"

#include <utility>

#include "runtime/webhook/direct_tools.h"

namespace voicectl::runtime {
ErpSide::ErpSide(Deps deps, const TenantConfig& config, SiteClocks clocks)
    : files_(deps.files),
      clock_(deps.clock),
      config_(config.backend),
      clocks_(clocks),
      addresses_(config.backend_addresses),
      client_({deps.reactor,
               [this, &http = deps.http](HttpCall call, Completion<HttpResponse> done) {
                 call.addresses = addresses_;
                 http.send(std::move(call), std::move(done));
               },
               erpnext_credentials_from_file(deps.files, config.backend.erpnext.credentials_file)},
              config.backend.erpnext),
      backend_(client_, clocks),
      tools_({deps.reactor, deps.clock, deps.book, deps.outbox, backend_, deps.on_record},
             config.backend.answer_within),
      archive_(client_, deps.book) {
  archive_.set_zone(std::move(clocks.site));
}

void ErpSide::reconfigure(const TenantConfig& config, SiteClocks clocks) {
  config_ = config.backend;
  clocks_ = clocks;
  addresses_ = config.backend_addresses;
  client_.reconfigure(config_.erpnext,
                      erpnext_credentials_from_file(files_, config_.erpnext.credentials_file));
  archive_.set_zone(clocks.site);
  backend_.reconfigure(std::move(clocks));
  tools_.reconfigure(config_.answer_within);
}

void ErpSide::add_to(Outbox& outbox) {
  outbox.add(std::string(RemoteTools::kPrefix), tools_);
  outbox.add(std::string(SessionArchive::kKind), archive_);
}

std::vector<NewEffect> ErpSide::on_session_news(const Session& session,
                                                std::string_view occasion) const {
  if (config_.kind != BackendKind::kErpnext) {
    return {};
  }
  return {SessionArchive::effect(session.session, occasion)};
}

Result<std::vector<Secret>> ErpSide::webhook_secrets() const {
  if (config_.kind != BackendKind::kErpnext) {
    return std::vector<Secret>();
  }
  return erpnext_webhook_secrets(files_, config_.erpnext.credentials_file);
}

Status ErpSide::point_tools_at_site(const TenantConfig& config,
                                    const Session& session,
                                    ultravox::CallRequest& request) const {
  const ErpnextSettings& site = config.backend.erpnext;
  if (config.backend.kind != BackendKind::kErpnext || config.backend.mode != BackendMode::kDirect) {
    return ok_status();
  }
  VC_TRY(const Secret credential, erpnext_direct_credential(files_, site.credentials_file));
  request.tools = make_direct_tools(config.business.type, site, session.session, credential);
  request.metadata[std::string(kToolsMember)] = kDirectTools;
  return ok_status();
}

Change ErpSide::outcomes_of(const Session& session,
                            const ultravox::Call& call,
                            const std::vector<ultravox::CallMessage>& messages) const {
  if (lacks_direct_outcomes(session, call)) {
    return note_direct_outcomes(session, call, messages, clocks_, clock_.now());
  }
  Change change;
  change.session = session;
  return change;
}

Result<SiteClocks> load_clocks(FileSystem& files, const TenantConfig& config, TimeZone tenant) {
  const std::string& zone = config.backend.erpnext.time_zone;
  if (zone.empty()) {
    return SiteClocks{tenant, tenant};
  }
  VC_TRY(TimeZone site, load_time_zone(files, zone));
  return SiteClocks{std::move(tenant), std::move(site)};
}

}  // namespace voicectl::runtime
