// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_edge_config.h"

#include <arpa/inet.h>

#include <array>
#include <chrono>
#include <utility>

#include "base/crypto.h"
#include "provisioner/edge/nginx_builder.h"
#include "provisioner/edge/nginx_servers.h"

namespace voicectl {
namespace {

/// A voice session may be silent for long; nginx's own 60 s would cut it.
constexpr std::chrono::hours kQuietSocket{1};
constexpr Bytes kLargestBody{1U << 20};
/// Bodies up to here stay in memory; larger ones go through a temporary file.
constexpr Bytes kBodyBuffer{128U << 10};
constexpr std::size_t kFingerprintDigits = 16;

/// Mozilla's intermediate profile, without the DHE suites: those need parameters of their own.
constexpr std::string_view kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/// nginx 1.22 with OpenSSL 3.0 refuses the post-quantum groups.
constexpr std::string_view kCurves = "X25519:prime256v1:secp384r1";

Status check_config(const EdgeConfig& config) {
  if (config.mode == EdgeMode::kNone) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot render an edge of mode 'none'; choose 'dynamic' or 'static'");
  }
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  const bool known = inet_pton(AF_INET, config.address.c_str(), binary.data()) == 1 ||
                     inet_pton(AF_INET6, config.address.c_str(), binary.data()) == 1;
  if (!known) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot listen on the configured edge address: it "
                 "is no IPv4 or IPv6 address; use one like 0.0.0.0");
  }
  if (config.http_port == config.https_port) {
    return Error(ErrorCode::kInvalidArgument, "cannot serve http and https on the same port '" +
                                                  config.http_port.str() + "'; choose two");
  }
  return ok_status();
}

NginxTree process_directives(NginxBuilder& b, const EdgeConfig& config) {
  NginxTree out;
  if (config.user) {
    out.push_back(b.say("user", {config.user->name, config.user->group}));
    out.push_back(NginxBuilder::say(
        "worker_rlimit_nofile", {NginxArgument::number(config.connections_per_process + 64ULL)}));
    // Everybody's requests pass here: none of them is to wait behind one tenant's work.
    out.push_back(b.say("worker_priority", {"-5"}));
  }
  const std::string processes = config.processes ? std::to_string(*config.processes) : "auto";
  append(out,
         {b.say("daemon", {"off"}), b.say("master_process", {"on"}),
          b.say("worker_processes", {processes}),
          NginxBuilder::say("worker_shutdown_timeout", {NginxArgument::time(kEdgeLinger)}),
          NginxBuilder::say("pid", {b.path(edge_folder(config.folders) + "/nginx.pid")}),
          NginxBuilder::say("error_log", {b.path(edge_error_log(config.folders)), b.word("warn")}),
          NginxBuilder::block(
              "events", {},
              {NginxBuilder::say("worker_connections",
                                 {NginxArgument::number(config.connections_per_process)})})});
  return out;
}

NginxTree general_directives(NginxBuilder& b, const EdgeConfig& config) {
  // Query strings may carry tokens of WebSockets, so requests are not logged here.
  NginxTree out = {b.say("access_log", {"off"}),
                   b.say("server_tokens", {"off"}),
                   b.say("default_type", {"application/json"}),
                   b.say("tcp_nodelay", {"on"}),
                   b.say("reset_timedout_connection", {"on"}),
                   b.say("keepalive_timeout", {"75s"}),
                   b.say("client_header_timeout", {"30s"}),
                   b.say("client_body_timeout", {"30s"}),
                   NginxBuilder::say("client_max_body_size", {NginxArgument::size(kLargestBody)}),
                   NginxBuilder::say("client_body_buffer_size", {NginxArgument::size(kBodyBuffer)}),
                   b.say("large_client_header_buffers", {"4", "16k"})};
  for (const std::string_view kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    const std::string folder = edge_folder(config.folders) + "/temp/" + std::string(kind);
    out.push_back(NginxBuilder::say(std::string(kind) + "_temp_path", {b.path(folder)}));
  }
  return out;
}

NginxTree tls_directives(NginxBuilder& b, const EdgeConfig& config) {
  // Key and chain are one file named twice: a renewal is one rename, never seen half done. The
  // name is a variable, so the file is read at each handshake and a renewal needs no reload.
  const NginxArgument file = b.joined({b.path(edge_certificate_folder(config.folders)), b.word("/"),
                                       b.variable("edge_certificate"), b.word(".pem")});
  return {b.say("ssl_protocols", {"TLSv1.2", "TLSv1.3"}),
          b.say("ssl_ciphers", {kCiphers}),
          b.say("ssl_ecdh_curve", {kCurves}),
          b.say("ssl_prefer_server_ciphers", {"off"}),
          b.say("ssl_session_cache", {"shared:tls:10m"}),
          b.say("ssl_session_timeout", {"1h"}),
          b.say("ssl_session_tickets", {"off"}),
          NginxBuilder::say("ssl_certificate", {file}),
          NginxBuilder::say("ssl_certificate_key", {file})};
}

NginxDirective header(NginxBuilder& b, std::string_view name, const NginxArgument& value) {
  return NginxBuilder::say("proxy_set_header", {b.word(name), value});
}

NginxTree proxy_directives(NginxBuilder& b) {
  const NginxArgument quiet = NginxArgument::time(kQuietSocket);
  NginxTree out = {b.say("proxy_http_version", {"1.1"}), b.say("proxy_connect_timeout", {"10s"}),
                   NginxBuilder::say("proxy_read_timeout", {quiet}),
                   NginxBuilder::say("proxy_send_timeout", {quiet}),
                   // The whole body is here before an instance sees the request, so that it can
                   // be sent once more if the instance dies.
                   b.say("proxy_request_buffering", {"on"})};
  out.push_back(header(b, "Host", b.joined({b.variable("host"), b.variable("edge_port_suffix")})));
  // Overwritten, never appended to: what a client says about itself counts for nothing.
  out.push_back(header(b, "X-Forwarded-For", b.variable("remote_addr")));
  out.push_back(header(b, "X-Forwarded-Proto", b.variable("scheme")));
  out.push_back(header(b, "X-Request-Id", b.variable("request_id")));
  out.push_back(header(b, "Upgrade", b.variable("http_upgrade")));
  out.push_back(header(b, "Connection", b.variable("edge_connection")));
  for (const std::string_view removed :
       {"Forwarded", "Proxy", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip"}) {
    out.push_back(header(b, removed, b.text("")));
  }
  return out;
}

NginxDirective map(NginxBuilder& b, std::string_view from, std::string_view to, NginxTree entries) {
  return NginxBuilder::block("map", {b.variable(from), b.variable(to)}, std::move(entries));
}

NginxTree maps(NginxBuilder& b, const EdgeConfig& config) {
  const NginxArgument standard = b.word("default");
  const NginxArgument nothing = b.text("");
  NginxTree out = {
      map(b, "http_upgrade", "edge_connection",
          {NginxBuilder::entry(standard, b.word("upgrade")),
           NginxBuilder::entry(nothing, b.word("close"))}),
      // As browsers write Host: no port where it is the usual one.
      map(b, "server_port", "edge_port_suffix",
          {NginxBuilder::entry(standard, b.joined({b.word(":"), b.variable("server_port")})),
           NginxBuilder::entry(b.word("80"), nothing),
           NginxBuilder::entry(b.word("443"), nothing)}),
      // Only what a strict expression has matched becomes part of a file name.
      map(b, "ssl_server_name", "edge_certificate",
          {NginxBuilder::entry(standard, b.word("none")),
           NginxBuilder::entry(b.regex("~*^" + subdomain_pattern(config.domain, "") + "$"),
                               b.word(wildcard_file_name(config.domain))),
           NginxBuilder::entry(b.regex("~^" + host_pattern("") + "$"),
                               b.variable("ssl_server_name"))})};
  return out;
}

/// An address is counted under a key; requests with an empty key are not counted.
NginxTree limit_zone(NginxBuilder& b,
                     const std::string& zone,
                     const std::optional<RateLimit>& limit,
                     std::string_view pattern) {
  if (!limit) {
    return {};
  }
  const std::string key = "edge_" + zone + "_key";
  return {map(b, "uri", key,
              {NginxBuilder::entry(b.word("default"), b.text("")),
               NginxBuilder::entry(b.regex(pattern), b.variable("binary_remote_addr"))}),
          NginxBuilder::say("limit_req_zone",
                            {b.variable(key), b.word("zone=" + zone + ":10m"),
                             b.word("rate=" + std::to_string(limit->per_second) + "r/s")})};
}

NginxTree http_directives(NginxBuilder& b,
                          const EdgeConfig& config,
                          const std::string& fingerprint) {
  NginxTree out = general_directives(b, config);
  append(out, tls_directives(b, config));
  append(out, proxy_directives(b));
  append(out, maps(b, config));
  append(out, limit_zone(b, "api", config.api_limit, "~^/api(/|$)"));
  append(out, limit_zone(b, "voice", config.voice_limit, "~^/ws(/|$)"));
  if (config.api_limit || config.voice_limit) {
    out.push_back(b.say("limit_req_status", {"429"}));
  }
  if (config.mode == EdgeMode::kStatic) {
    out.push_back(b.say("server_names_hash_bucket_size", {"512"}));
    out.push_back(b.say("server_names_hash_max_size", {"65536"}));
  }
  out.push_back(make_status_server(b, config, fingerprint));
  append(out, make_default_servers(b, config));
  append(out, make_tenant_servers(b, config));
  return out;
}

Result<NginxTree> make_tree(const EdgeConfig& config, const std::string& fingerprint) {
  VC_TRY(check_config(config));
  NginxBuilder builder;
  NginxTree tree = process_directives(builder, config);
  tree.push_back(NginxBuilder::block("http", {}, http_directives(builder, config, fingerprint)));
  VC_TRY(Status(builder.status()));
  return tree;
}

}  // namespace

std::string wildcard_file_name(const HostName& domain) {
  return "_wildcard." + domain.str();
}

Result<std::string> render_edge_config(const EdgeConfig& config) {
  VC_TRY(const NginxTree tree, make_nginx_config(config));
  return emit_nginx_config(tree);
}

Result<std::string> edge_fingerprint(const EdgeConfig& config) {
  VC_TRY(const NginxTree tree, make_tree(config, "none"));
  VC_TRY(const std::string text, emit_nginx_config(tree));
  return sha256_hex(text).substr(0, kFingerprintDigits);
}

Result<NginxTree> make_nginx_config(const EdgeConfig& config) {
  VC_TRY(const std::string fingerprint, edge_fingerprint(config));
  return make_tree(config, fingerprint);
}

}  // namespace voicectl
