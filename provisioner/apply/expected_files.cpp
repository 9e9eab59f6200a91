// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/expected_files.h"

#include "base/crypto.h"
#include "provisioner/certs/certificates.h"

namespace voicectl {
namespace {

constexpr std::uint32_t bits(FileMode mode) {
  return static_cast<std::uint32_t>(mode);
}

/// "run/edge/nginx.conf": where it is, without where the platform is.
std::string short_name(const DaemonPaths& paths, const std::string& path) {
  for (const auto& [root, word] : {std::pair(&paths.state, "state"), std::pair(&paths.run, "run"),
                                   std::pair(&paths.log, "log")}) {
    if (path == *root || path.starts_with(*root + "/")) {
      return word + path.substr(root->size());
    }
  }
  return path;
}

/// Makes expectations that share what they are about.
class Maker {
 public:
  Maker(const FileRules& rules, std::string subject, std::optional<TenantId> tenant)
      : rules_(rules), subject_(std::move(subject)), tenant_(std::move(tenant)) {}

  ExpectedFile& add(const std::string& path, FileKind kind, FileMode mode) {
    ExpectedFile file;
    file.name = short_name(rules_.paths, path);
    file.path = path;
    file.subject = subject_;
    file.tenant = tenant_;
    file.kind = kind;
    file.mode = bits(mode);
    file.uid = rules_.own_uid;
    out_.push_back(std::move(file));
    return out_.back();
  }
  ExpectedFile& folder(const std::string& path, FileMode mode) {
    return add(path, FileKind::kFolder, mode);
  }
  ExpectedFile& secret(const std::string& path) {
    ExpectedFile& file = add(path, FileKind::kFile, kPrivateFile);
    file.holds = ExpectedFile::Holds::kSecrets;
    return file;
  }
  /// One whose content nothing of ours could make anew.
  static ExpectedFile& irreplaceable(ExpectedFile& file) {
    file.repair = DriftRepair::kNone;
    return file;
  }
  void set_subject(std::string subject) { subject_ = std::move(subject); }
  std::vector<ExpectedFile> take() && { return std::move(out_); }

 private:
  const FileRules& rules_;
  std::string subject_;
  std::optional<TenantId> tenant_;
  std::vector<ExpectedFile> out_;
};

void give_to_instances(const FileRules& rules, ExpectedFile& file) {
  if (rules.instances) {
    file.uid = rules.instances->uid;
    file.gid = rules.instances->gid;
  }
}

void expect_text(const WrittenFiles& written, ExpectedFile& file) {
  if (std::string digest = written.digest_of(file.path); !digest.empty()) {
    file.texts.push_back(std::move(digest));
  }
}

void add_certificates(const FileRules& rules, const Snapshot& snapshot, Maker& maker) {
  for (const RecordedCertificate& certificate : snapshot.observed.certificates) {
    const Result<std::string> file = certificate_file_name(certificate.name);
    if (file.has_error()) {
      continue;
    }
    maker.set_subject("certificate/" + certificate.name);
    maker.secret(rules.paths.state + "/certs/" + *file);
    ExpectedFile& served = maker.secret(edge_certificate_folder(rules.edge) + "/" + *file);
    served.same_as = rules.paths.state + "/certs/" + *file;
    if (rules.certificate_readers) {
      served.mode = 0640;
      served.uid = rules.certificate_readers->uid;
      served.gid = rules.certificate_readers->gid;
    }
  }
}

void add_edge(const FileRules& rules,
              const WrittenFiles& written,
              const std::string& edge_file,
              Maker& maker) {
  maker.set_subject("edge");
  maker.folder(edge_folder(rules.edge), kSharedDirectory);
  maker.folder(edge_certificate_folder(rules.edge), kSharedDirectory);
  ExpectedFile& config = maker.add(edge_file, FileKind::kFile, kPrivateFile);
  config.repair = DriftRepair::kPublishEdge;
  expect_text(written, config);
}

void add_folder_of_tenant(const FileRules& rules,
                          const TenantId& name,
                          const WrittenFiles& written,
                          Maker& maker) {
  const DaemonPaths& paths = rules.paths;
  for (const std::string& folder : {paths.tenant_folder(name), paths.tenant_data(name)}) {
    give_to_instances(rules, Maker::irreplaceable(maker.folder(folder, kPrivateDirectory)));
  }
  // The tenant's secrets stand in both of them.
  const std::vector<std::string> sources = {paths.tenant_secrets(name), paths.tenant_config(name)};
  for (const std::string& path : {paths.tenant_config(name), paths.tenant_keys(name)}) {
    ExpectedFile& file = maker.secret(path);
    file.made_from = sources;
    give_to_instances(rules, file);
    expect_text(written, file);
  }
  ExpectedFile& secrets = maker.secret(paths.tenant_secrets(name));
  secrets.made_from = sources;
  give_to_instances(rules, secrets);
  ExpectedFile& credentials = maker.secret(paths.erpnext_credentials(name));
  credentials.presence = ExpectedFile::Presence::kMay;
  give_to_instances(rules, credentials);
}

void add_route(const EdgeRouteFiles& route,
               const std::string& target,
               const TenantId& name,
               Maker& maker) {
  maker.add(route.link, FileKind::kLink, FileMode{0777}).target = target;
  maker.add(route.marker, FileKind::kFile, FileMode{0444})
      .texts.push_back(sha256_hex(name.str() + "\n"));
}

}  // namespace

std::vector<ExpectedFile> expected_platform_files(const FileRules& rules,
                                                  const Snapshot& snapshot,
                                                  const WrittenFiles& written,
                                                  const std::string& edge_file) {
  const DaemonPaths& paths = rules.paths;
  Maker maker(rules, "platform", std::nullopt);
  Maker::irreplaceable(maker.folder(paths.state, rules.passage));
  Maker::irreplaceable(maker.folder(paths.state + "/tenants", rules.passage));
  maker.folder(paths.state + "/certs", kPrivateDirectory);
  for (const std::string& folder :
       {paths.run, paths.run + "/tenants", paths.run + "/domains", paths.run + "/instances"}) {
    maker.folder(folder, kSharedDirectory);
  }
  maker.folder(paths.log, kPrivateDirectory);
  for (const std::string& path :
       {paths.registry(), paths.state + "/authority.pem", paths.ultravox_key()}) {
    ExpectedFile& file = maker.secret(path);
    // The registry is open, so it was there.
    file.presence =
        path == paths.registry() ? ExpectedFile::Presence::kMust : ExpectedFile::Presence::kMay;
    if (path == paths.ultravox_key()) {
      give_to_instances(rules, file);
    } else {
      Maker::irreplaceable(file);
    }
  }
  if (!snapshot.edge_fingerprint.empty()) {
    add_certificates(rules, snapshot, maker);
    if (!edge_file.empty()) {
      add_edge(rules, written, edge_file, maker);
    }
  }
  return std::move(maker).take();
}

std::vector<ExpectedFile> expected_tenant_files(const FileRules& rules,
                                                const RecordedTenant& tenant,
                                                const std::string& domain,
                                                const WrittenFiles& written,
                                                const std::string& edge_file,
                                                const TenantHolds& holds) {
  const TenantId& name = tenant.spec.tenant;
  Maker maker(rules, "tenant/" + name.str(), name);
  if (tenant.has_data) {
    add_folder_of_tenant(rules, name, written, maker);
  }
  if (tenant.has_listener && holds.listener) {
    ExpectedFile& file =
        maker.add(rules.paths.tenant_socket(name), FileKind::kSocket, rules.tenant_sockets.mode);
    file.gid = rules.tenant_sockets.group;
    file.identity = holds.socket;
    file.repair = DriftRepair::kBind;
  }
  if (!edge_file.empty()) {
    const std::string target = "../tenants/" + name.str() + ".sock";
    for (const std::string& host : tenant.routes) {
      const Result<HostName> parsed = HostName::parse(host);
      if (host == name.str() + "." + domain) {
        add_route(edge_route(rules.edge, name), target, name, maker);
      } else if (parsed.has_value()) {
        add_route(edge_route(rules.edge, *parsed), target, name, maker);
      }
    }
  }
  return std::move(maker).take();
}

}  // namespace voicectl
