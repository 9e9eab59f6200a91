// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/edge_actions.h"

#include <fmt/core.h>

#include "base/crypto.h"
#include "provisioner/apply/tenant_actions.h"
#include "provisioner/plan/edge_plan.h"

namespace voicectl {
namespace {

/// As the edge itself would read.
constexpr std::size_t kMostConfigText = 64U << 20;

Result<std::vector<HostName>> parse_hosts(const std::vector<std::string>& hosts) {
  std::vector<HostName> out;
  for (const std::string& host : hosts) {
    VC_TRY(HostName parsed, HostName::parse(host));
    out.push_back(std::move(parsed));
  }
  return out;
}

}  // namespace

Result<std::optional<EdgeConfig>> make_edge_config(const EdgeSettings& settings,
                                                   const PlatformSpec& platform,
                                                   const std::vector<TenantSpec>& tenants) {
  if (platform.edge.mode == EdgeMode::kNone) {
    return std::optional<EdgeConfig>();
  }
  VC_TRY(const Port http, Port::make(platform.edge.http_port));
  VC_TRY(const Port https, Port::make(platform.edge.https_port));
  VC_TRY(HostName domain, HostName::parse(platform.domain));
  EdgeConfig config{.mode = platform.edge.mode,
                    .address = platform.edge.address,
                    .http_port = http,
                    .https_port = https,
                    .domain = std::move(domain),
                    .folders = settings.folders,
                    .plain_http = settings.plain_http,
                    .user = settings.user,
                    .processes = std::nullopt,
                    .api_limit = std::nullopt,
                    .voice_limit = std::nullopt,
                    .tenants = {}};
  if (platform.edge.mode == EdgeMode::kStatic) {
    for (const TenantSpec& tenant : tenants) {
      VC_TRY(std::vector<HostName> hosts, parse_hosts(hosts_of_tenant(platform, tenant)));
      config.tenants.push_back(EdgeTenant{tenant.tenant, std::move(hosts)});
    }
  }
  return std::optional<EdgeConfig>(std::move(config));
}

void EdgeActions::perform(const IssueCertificate& action, OnActionDone done) {
  deps_.authority.issue(
      CertificateRequest{action.name, {}}, [this, done](const Result<Certificate>& certificate) {
        done(ActionOutcome{certificate.has_error() ? Status(certificate.error())
                                                   : deps_.certificates.put(*certificate),
                           {}});
      });
}

void EdgeActions::perform(const RemoveCertificate& action, OnActionDone done) {
  done(ActionOutcome{deps_.certificates.remove(action.name), {}});
}

void EdgeActions::perform(const PublishEdge& action, OnActionDone done) {
  std::vector<TenantSpec> tenants;
  for (const auto& [name, tenant] : deps_.recorded.snapshot().tenants) {
    if (tenant.phase != TenantPhase::kDeleting) {
      tenants.push_back(tenant.spec);
    }
  }
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  if (!platform) {
    done(failed(Error(ErrorCode::kNotFound, "cannot configure the edge: no platform yet")));
    return;
  }
  Result<std::optional<EdgeConfig>> config = make_edge_config(deps_.settings, *platform, tenants);
  if (config.has_error()) {
    done(failed(config.error()));
    return;
  }
  RecordedChange change;
  change.edge_fingerprint = action.fingerprint;
  if (!*config) {
    deps_.edge.stop([change, done](const Status& stopped) {
      done(ActionOutcome{stopped, change});
    });
    return;
  }
  const Result<std::string> text = respect_file(**config);
  if (text.has_error()) {
    done(failed(text.error()));
    return;
  }
  const bool is_adopted = (*config)->adopted.has_value();
  if (!is_adopted && deps_.recorded.snapshot().adoptions.contains(std::string(kEdgeFileName))) {
    // What was adopted is gone: it is ours that is published.
    const Result<std::string> published = edge_fingerprint(**config);
    change.edge_fingerprint = published.has_error() ? action.fingerprint : *published;
  }
  const std::string note = is_adopted ? note_on_adopted(*text) : "";
  deps_.edge.configure(**config, [this, change, done, is_adopted, note,
                                  text = *text](const Result<EdgeOutcome>& outcome) {
    if (outcome.has_error()) {
      done(failed(outcome.error()));
      return;
    }
    if (!is_adopted && !deps_.edge.config_file().empty()) {
      deps_.written.note(deps_.edge.config_file(), text);
    }
    done(ActionOutcome{ok_status(), change, note});
  });
}

std::string EdgeActions::note_on_adopted(const std::string& text) const {
  const AcceptedDrift& adoption =
      deps_.recorded.snapshot().adoptions.at(std::string(kEdgeFileName));
  const std::string digest = sha256_hex(text);
  return digest == adoption.state
             ? ""
             : fmt::format(
                   "the edge serves '{}' as it is now ({}), which is not what {} adopted "
                   "({}); 'voicectl adopt {}' once more, or give it up",
                   deps_.edge.config_file(), digest, adoption.who, adoption.state, kEdgeFileName);
}

Result<std::string> EdgeActions::respect_file(EdgeConfig& config) {
  VC_TRY(std::string text, render_edge_config(config));
  const std::string path = deps_.edge.config_file();
  if (path.empty()) {
    return text;
  }
  const Snapshot& recorded = deps_.recorded.snapshot();
  if (!recorded.adoptions.contains(std::string(kEdgeFileName))) {
    VC_TRY(deps_.written.keep_before(path, text));
    return text;
  }
  const Result<std::optional<std::string>> kept = deps_.host_files.read(path, kMostConfigText);
  if (kept.has_error() && kept.error().code() == ErrorCode::kCorrupt) {
    VC_TRY(deps_.written.set_aside(path));  // a link or a folder has the name of what was adopted
    return text;
  }
  if (kept.has_error()) {
    return kept.error();
  }
  if (*kept) {
    config.adopted = AdoptedConfig{**kept, recorded.edge_fingerprint};
  }
  return kept->value_or(text);
}

Status EdgeActions::publish(const TenantId& tenant, const std::vector<std::string>& hosts) {
  VC_TRY(const std::vector<HostName> names, parse_hosts(hosts));
  return deps_.edge.publish_route(tenant, names, deps_.files.paths().tenant_socket(tenant));
}

void EdgeActions::perform(const PublishRoute& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  const Status published =
      tenant.has_error() ? Status(tenant.error()) : publish(action.tenant, action.hosts);
  if (published.has_error()) {
    done(failed(published.error()));
    return;
  }
  tenant->routes = action.hosts;
  tenant->phase = TenantPhase::kServing;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  done(ActionOutcome{ok_status(), std::move(change)});
}

void EdgeActions::perform(const WithdrawRoute& action, OnActionDone done) {
  Result<RecordedTenant> tenant = require_tenant(deps_.recorded, action.tenant);
  const Status withdrawn =
      tenant.has_error() ? Status(tenant.error()) : deps_.edge.withdraw_route(action.tenant);
  if (withdrawn.has_error()) {
    done(failed(withdrawn.error()));
    return;
  }
  tenant->routes.clear();
  tenant->phase = TenantPhase::kDeleting;
  RecordedChange change;
  change.put_tenants.push_back(*tenant);
  done(ActionOutcome{ok_status(), std::move(change)});
}

Status EdgeActions::publish_recorded_route(const RecordedTenant& tenant) {
  return publish(tenant.spec.tenant, tenant.routes);
}

Status EdgeActions::publish_recorded_routes() {
  for (const auto& [name, tenant] : deps_.recorded.snapshot().tenants) {
    if (!tenant.routes.empty()) {
      VC_TRY(publish(name, tenant.routes));
    }
  }
  return ok_status();
}

}  // namespace voicectl
