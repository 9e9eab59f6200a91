// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_servers.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl {
namespace {

constexpr std::string_view kLabel = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
constexpr std::string_view kHstsValue = "max-age=63072000";
constexpr std::uint16_t kWellKnownHttpsPort = 443;

/// One group of hosts that is served alike.
struct Route {
  std::vector<NginxArgument> names;
  /// Parts of the path.
  std::vector<NginxArgument> socket;
  /// Dynamic mode: the socket is found by a name that may be nobody's.
  std::optional<NginxDirective> guard;
};

NginxDirective answer(NginxBuilder& b, std::uint64_t status, const Json& body) {
  return NginxBuilder::say("return", {NginxArgument::number(status), b.json(body)});
}

NginxDirective not_found(NginxBuilder& b, std::string_view message) {
  return answer(b, 404, {{"error", {{"code", "not_found"}, {"message", message}}}});
}

NginxDirective no_tenant(NginxBuilder& b) {
  return not_found(b, "cannot find a tenant under this host name");
}

NginxDirective listen(NginxBuilder& b,
                      const EdgeConfig& config,
                      Port port,
                      std::initializer_list<std::string_view> options) {
  const bool v6 = config.address.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + config.address + "]" : config.address;
  NginxDirective out = b.say("listen", {host + ":" + port.str()});
  for (const std::string_view option : options) {
    out.arguments.push_back(b.word(option));
  }
  return out;
}

/// Needed before there is a certificate, hence on the http port and for every host.
NginxDirective challenge_location(NginxBuilder& b, const EdgeConfig& config) {
  return NginxBuilder::block(
      "location", {b.word("/.well-known/acme-challenge/")},
      {NginxBuilder::say("root", {b.path(edge_challenge_folder(config.folders))}),
       b.say("default_type", {"text/plain"})});
}

NginxDirective proxy_pass(NginxBuilder& b, const Route& route) {
  std::vector<NginxArgument> address = {b.word("http://unix:")};
  address.insert(address.end(), route.socket.begin(), route.socket.end());
  // The request's own text and not nginx's reading of it: an instance must see what was signed.
  address.push_back(b.word(":"));
  address.push_back(b.variable("request_uri"));
  return NginxBuilder::say("proxy_pass", {b.joined(address)});
}

NginxTree limit_directives(NginxBuilder& b, const EdgeConfig& config) {
  NginxTree out;
  if (config.api_limit) {
    out.push_back(b.say(
        "limit_req", {"zone=api", "burst=" + std::to_string(config.api_limit->burst), "nodelay"}));
  }
  if (config.voice_limit) {
    out.push_back(
        b.say("limit_req",
              {"zone=voice", "burst=" + std::to_string(config.voice_limit->burst), "nodelay"}));
  }
  return out;
}

NginxTree tenant_locations(NginxBuilder& b, const EdgeConfig& config, const Route& route) {
  NginxTree inside;
  if (route.guard) {
    inside.push_back(*route.guard);
  }
  append(inside, limit_directives(b, config));
  // An instance that dies takes its unanswered requests with it. The listener outlives it, so one
  // repeat reaches its successor; the request id stays the same, by which a repeat is recognised.
  inside.push_back(b.say("error_page", {"502", "504", "=", "@again"}));
  inside.push_back(proxy_pass(b, route));
  return {NginxBuilder::block("location", {b.word("="), b.word("/metrics")},
                              {not_found(b, "cannot find this path")}),
          NginxBuilder::block("location", {b.word("/")}, std::move(inside)),
          NginxBuilder::block("location", {b.word("@again")}, {proxy_pass(b, route)})};
}

NginxDirective redirect_server(NginxBuilder& b, const EdgeConfig& config, const Route& route) {
  const bool usual = config.https_port.value() == kWellKnownHttpsPort;
  std::vector<NginxArgument> address = {b.word("https://"), b.variable("host")};
  if (!usual) {
    address.push_back(b.word(":" + config.https_port.str()));
  }
  address.push_back(b.variable("request_uri"));
  // 308 and not 301: the method and the body must survive.
  NginxTree redirect;
  if (route.guard) {
    redirect.push_back(*route.guard);
  }
  redirect.push_back(NginxBuilder::say("return", {NginxArgument::number(308), b.joined(address)}));
  return NginxBuilder::block(
      "server", {},
      {listen(b, config, config.http_port, {}), NginxBuilder::say("server_name", route.names),
       challenge_location(b, config),
       NginxBuilder::block("location", {b.word("/")}, std::move(redirect))});
}

NginxTree servers_of(NginxBuilder& b, const EdgeConfig& config, const Route& route) {
  NginxTree inside = {listen(b, config, config.https_port, {"ssl", "http2"})};
  NginxTree out;
  switch (config.plain_http) {
    case PlainHttp::kServe:
      inside.push_back(listen(b, config, config.http_port, {}));
      inside.push_back(NginxBuilder::say("server_name", route.names));
      inside.push_back(challenge_location(b, config));
      break;
    case PlainHttp::kRedirect:
      inside.push_back(NginxBuilder::say("server_name", route.names));
      inside.push_back(NginxBuilder::say("add_header", {b.word("Strict-Transport-Security"),
                                                        b.text(kHstsValue), b.word("always")}));
      out.push_back(redirect_server(b, config, route));
      break;
  }
  append(inside, tenant_locations(b, config, route));
  out.push_back(NginxBuilder::block("server", {}, std::move(inside)));
  return out;
}

Route dynamic_route(NginxBuilder& b,
                    const EdgeConfig& config,
                    const std::string& pattern,
                    std::string_view capture) {
  const std::vector<NginxArgument> stem = {b.path(config.folders.run + "/domains"), b.word("/"),
                                           b.variable(capture)};
  std::vector<NginxArgument> marker = stem;
  marker.push_back(b.word(".route"));
  std::vector<NginxArgument> socket = stem;
  socket.push_back(b.word(".sock"));
  NginxDirective guard =
      NginxBuilder::block("if", {b.missing_file(b.joined(marker))}, {no_tenant(b)});
  return {{b.regex("~^" + pattern + "$")}, std::move(socket), std::move(guard)};
}

}  // namespace

std::string subdomain_pattern(const HostName& domain, const std::string& capture) {
  const std::string label(kLabel);
  const std::string first = capture.empty() ? label : "(?<" + capture + ">" + label + ")";
  return first + "\\." + escape_regex(domain.str());
}

std::string host_pattern(const std::string& capture) {
  const std::string label(kLabel);
  const std::string host = label + "(\\." + label + ")+";
  return capture.empty() ? host : "(?<" + capture + ">" + host + ")";
}

NginxDirective make_status_server(NginxBuilder& builder,
                                  const EdgeConfig& config,
                                  const std::string& fingerprint) {
  NginxBuilder& b = builder;
  return NginxBuilder::block(
      "server", {},
      {NginxBuilder::say("listen",
                         {b.joined({b.word("unix:"), b.path(edge_status_socket(config.folders))})}),
       b.say("default_type", {"text/plain"}),
       NginxBuilder::block("location", {b.word("="), b.word("/fingerprint")},
                           {b.say("return", {"200", fingerprint})}),
       NginxBuilder::block("location", {b.word("="), b.word("/connections")},
                           {b.say("stub_status", {})}),
       NginxBuilder::block("location", {b.word("/")}, {b.say("return", {"404"})})});
}

NginxTree make_default_servers(NginxBuilder& builder, const EdgeConfig& config) {
  NginxBuilder& b = builder;
  return {
      NginxBuilder::block("server", {},
                          {listen(b, config, config.https_port, {"ssl", "http2", "default_server"}),
                           b.say("ssl_reject_handshake", {"on"}), no_tenant(b)}),
      NginxBuilder::block(
          "server", {},
          {listen(b, config, config.http_port, {"default_server"}), challenge_location(b, config),
           NginxBuilder::block("location", {b.word("/")}, {no_tenant(b)})})};
}

NginxTree make_tenant_servers(NginxBuilder& builder, const EdgeConfig& config) {
  if (config.mode == EdgeMode::kDynamic) {
    // nginx takes the first expression that matches, so subdomains come first.
    NginxTree out = servers_of(
        builder, config,
        dynamic_route(builder, config, subdomain_pattern(config.domain, "tenant"), "tenant"));
    append(out, servers_of(builder, config,
                           dynamic_route(builder, config, host_pattern("custom"), "custom")));
    return out;
  }
  NginxTree out;
  for (const EdgeTenant& tenant : config.tenants) {
    Route route{{}, {builder.path(tenant_socket(config.folders, tenant.tenant))}, std::nullopt};
    for (const HostName& host : tenant.hosts) {
      route.names.push_back(builder.word(host.str()));
    }
    append(out, servers_of(builder, config, route));
  }
  return out;
}

}  // namespace voicectl
