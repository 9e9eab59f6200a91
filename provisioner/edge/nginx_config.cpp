// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

/// Everything that voicectl has a use for. A directive that runs code, reads other files or
/// rewrites requests is not here, and what is not here is not rendered.
constexpr std::array<std::string_view, 71> kKnownDirectives = {
    "access_log",
    "add_header",
    "alias",
    "charset",
    "client_body_buffer_size",
    "client_body_temp_path",
    "client_body_timeout",
    "client_header_timeout",
    "client_max_body_size",
    "daemon",
    "default_type",
    "error_log",
    "error_page",
    "events",
    "fastcgi_temp_path",
    "http",
    "if",
    "keepalive_timeout",
    "large_client_header_buffers",
    "limit_req",
    "limit_req_status",
    "limit_req_zone",
    "listen",
    "location",
    "map",
    "map_hash_bucket_size",
    "map_hash_max_size",
    "master_process",
    "pid",
    "proxy_buffering",
    "proxy_connect_timeout",
    "proxy_hide_header",
    "proxy_http_version",
    "proxy_next_upstream",
    "proxy_pass",
    "proxy_read_timeout",
    "proxy_request_buffering",
    "proxy_send_timeout",
    "proxy_set_header",
    "proxy_temp_path",
    "reset_timedout_connection",
    "return",
    "root",
    "scgi_temp_path",
    "send_timeout",
    "sendfile",
    "server",
    "server_name",
    "server_names_hash_bucket_size",
    "server_names_hash_max_size",
    "server_tokens",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_ciphers",
    "ssl_ecdh_curve",
    "ssl_prefer_server_ciphers",
    "ssl_protocols",
    "ssl_reject_handshake",
    "ssl_session_cache",
    "ssl_session_tickets",
    "ssl_session_timeout",
    "stub_status",
    "tcp_nodelay",
    "types",
    "user",
    "uwsgi_temp_path",
    "worker_connections",
    "worker_priority",
    "worker_processes",
    "worker_rlimit_nofile",
    "worker_shutdown_timeout",
};
static_assert(std::is_sorted(kKnownDirectives.begin(), kKnownDirectives.end()),
              "found by binary search");

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_printable(char c) {
  return c >= 0x20 && c <= 0x7e;
}

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

/// The text for an error message: bytes that could forge a line are shown as numbers.
std::string shown(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  static constexpr std::size_t kMost = 80;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    if (is_printable(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return text.size() > kMost ? out + "..." : out;
}

Error refused(std::string_view what, std::string_view text, std::string_view allowed) {
  return Error(ErrorCode::kInvalidArgument,
               "cannot write '" + shown(text) + "' as " + std::string(what) +
                   " of nginx's configuration: " + std::string(allowed));
}

template <typename Allowed>
bool consists_of(std::string_view text, Allowed allowed) {
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool is_path(std::string_view text) {
  if (text.size() < 2 || text.front() != '/' || text.back() == '/') {
    return false;
  }
  std::string_view rest = text.substr(1);
  while (true) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    const bool plain_part =
        consists_of(part, [](char c) { return is_alphanumeric(c) || is_one_of(c, "._-@+=,"); });
    if (!plain_part || part == "." || part == "..") {
      return false;
    }
    if (end == rest.size()) {
      return true;
    }
    rest.remove_prefix(end + 1);
  }
}

bool continues_name(char c) {
  return is_alphanumeric(c) || c == '_';
}

void emit_directive(const NginxDirective& directive, std::size_t level, std::string& out);

void emit_all(const NginxTree& tree, std::size_t level, std::string& out) {
  for (const NginxDirective& directive : tree) {
    emit_directive(directive, level, out);
  }
}

void emit_directive(const NginxDirective& directive, std::size_t level, std::string& out) {
  out.append(level * 2, ' ');
  out += directive.name;
  bool first = directive.name.empty();
  for (const NginxArgument& argument : directive.arguments) {
    out += first ? "" : " ";
    out += argument.written();
    first = false;
  }
  if (!directive.block) {
    out += ";\n";
    return;
  }
  out += " {\n";
  emit_all(*directive.block, level + 1, out);
  out.append(level * 2, ' ');
  out += "}\n";
}

bool is_known(std::string_view name) {
  return std::binary_search(kKnownDirectives.begin(), kKnownDirectives.end(), name);
}

bool holds_entries(const NginxDirective& directive) {
  return directive.name == "map" || directive.name == "types";
}

Status check_entries(const NginxDirective& holder) {
  for (const NginxDirective& entry : *holder.block) {
    if (!entry.name.empty() || entry.block || entry.arguments.empty()) {
      return refused("an entry", entry.name,
                     "an entry of '" + holder.name + "' has a key, values and no block");
    }
  }
  return ok_status();
}

Status check_names(const NginxTree& tree) {
  for (const NginxDirective& directive : tree) {
    if (!is_known(directive.name)) {
      return Error(ErrorCode::kInvalidArgument,
                   "cannot render the nginx directive '" + shown(directive.name) +
                       "': it is not on the list of directives that voicectl uses");
    }
    if (directive.block) {
      VC_TRY(holds_entries(directive) ? check_entries(directive) : check_names(*directive.block));
    }
  }
  return ok_status();
}

}  // namespace

NginxArgument::NginxArgument(Kind kind, std::string written, std::vector<std::string> values)
    : kind_(kind), written_(std::move(written)), values_(std::move(values)) {}

Result<NginxArgument> NginxArgument::word(std::string_view text) {
  const bool allowed =
      consists_of(text, [](char c) { return is_alphanumeric(c) || is_one_of(c, "._:/@=+,*-[]"); });
  if (!allowed) {
    return refused("a word", text, "letters, digits and ._:/@=+,*-[] are allowed");
  }
  return NginxArgument(Kind::kWord, std::string(text), {std::string(text)});
}

Result<NginxArgument> NginxArgument::text(std::string_view text) {
  const bool allowed = std::all_of(text.begin(), text.end(), [](char c) {
    return is_printable(c) && !is_one_of(c, "\"'\\$;{}#");
  });
  if (!allowed) {
    return refused("a text", text, "printable ASCII without \" ' \\ $ ; { } # is allowed");
  }
  return NginxArgument(Kind::kText, "\"" + std::string(text) + "\"", {std::string(text)});
}

Result<NginxArgument> NginxArgument::path(std::string_view text) {
  if (!is_path(text)) {
    return refused("a path", text,
                   "absolute paths of letters, digits and ._-@+=, without '.' and '..' are "
                   "allowed; choose another folder");
  }
  return NginxArgument(Kind::kPath, std::string(text), {std::string(text)});
}

Result<NginxArgument> NginxArgument::regex(std::string_view text) {
  const bool allowed =
      text.size() > 1 && text.front() == '~' && std::all_of(text.begin(), text.end(), [](char c) {
        return is_printable(c) && !is_one_of(c, " \"';#");
      });
  if (!allowed) {
    return refused("an expression", text, "it begins with ~ and has no quote, blank, ; or #");
  }
  std::string written = "\"";
  for (const char c : text) {
    written.append(c == '\\' ? 2U : 1U, c);
  }
  return NginxArgument(Kind::kRegex, written + "\"", {std::string(text)});
}

Result<NginxArgument> NginxArgument::variable(std::string_view name) {
  const bool allowed = consists_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  if (!allowed) {
    return refused("a variable", name, "a-z, 0-9 and _ are allowed");
  }
  const std::string written = "$" + std::string(name);
  return NginxArgument(Kind::kVariable, written, {written});
}

Result<NginxArgument> NginxArgument::json(const Json& document) {
  const std::string text = dump_json(document);
  const bool allowed = std::all_of(text.begin(), text.end(),
                                   [](char c) { return is_printable(c) && !is_one_of(c, "'\\$"); });
  if (!allowed) {
    return refused("a JSON body", text, "printable ASCII without ' \\ $ is allowed");
  }
  return NginxArgument(Kind::kJson, "'" + text + "'", {text});
}

NginxArgument NginxArgument::number(std::uint64_t number) {
  const std::string text = std::to_string(number);
  return NginxArgument(Kind::kNumber, text, {text});
}

NginxArgument NginxArgument::size(Bytes size) {
  static constexpr std::uint64_t kKibi = 1024;
  std::string text = std::to_string(size.count);
  if (size.count > 0 && size.count % (kKibi * kKibi) == 0) {
    text = std::to_string(size.count / (kKibi * kKibi)) + "m";
  } else if (size.count > 0 && size.count % kKibi == 0) {
    text = std::to_string(size.count / kKibi) + "k";
  }
  return NginxArgument(Kind::kNumber, text, {text});
}

NginxArgument NginxArgument::time(std::chrono::milliseconds length) {
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, length.count()));
  std::string text = std::to_string(count) + "ms";
  if (count % 3'600'000 == 0 && count > 0) {
    text = std::to_string(count / 3'600'000) + "h";
  } else if (count % 1'000 == 0) {
    text = std::to_string(count / 1'000) + "s";
  }
  return NginxArgument(Kind::kNumber, text, {text});
}

Result<NginxArgument> NginxArgument::joined(const std::vector<NginxArgument>& parts) {
  std::string value;
  bool quoted = false;
  bool after_variable = false;
  std::size_t variable_start = 0;
  for (const NginxArgument& part : parts) {
    if (part.kind_ == Kind::kRegex || part.kind_ == Kind::kJson || part.kind_ == Kind::kCondition ||
        part.kind_ == Kind::kJoined) {
      return refused("a part of a joined value", part.written_,
                     "words, paths, texts, numbers and variables can be joined");
    }
    const std::string& text = part.values_.front();
    if (after_variable && !text.empty() && continues_name(text.front())) {
      value = value.substr(0, variable_start) + "${" + value.substr(variable_start + 1) + "}";
    }
    after_variable = part.kind_ == Kind::kVariable;
    variable_start = value.size();
    quoted = quoted || part.kind_ == Kind::kText;
    value += text;
  }
  return NginxArgument(Kind::kJoined, quoted || value.empty() ? "\"" + value + "\"" : value,
                       {value});
}

Result<NginxArgument> NginxArgument::missing_file(const NginxArgument& path) {
  const bool allowed =
      (path.kind_ == Kind::kPath || path.kind_ == Kind::kJoined) && path.written_.front() == '/';
  if (!allowed) {
    return refused("a file to look for", path.written_, "it must be a path");
  }
  return NginxArgument(Kind::kCondition, "(!-f " + path.written_ + ")",
                       {"(!-f", path.values_.front() + ")"});
}

std::string escape_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '_' && c != '-') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::vector<PlainDirective> plain(const NginxTree& tree) {
  std::vector<PlainDirective> out;
  out.reserve(tree.size());
  for (const NginxDirective& directive : tree) {
    PlainDirective copy{directive.name, {}, std::nullopt};
    for (const NginxArgument& argument : directive.arguments) {
      copy.arguments.insert(copy.arguments.end(), argument.values().begin(),
                            argument.values().end());
    }
    if (copy.name.empty() && !copy.arguments.empty()) {
      copy.name = copy.arguments.front();
      copy.arguments.erase(copy.arguments.begin());
    }
    if (directive.block) {
      copy.block = plain(*directive.block);
    }
    out.push_back(std::move(copy));
  }
  return out;
}

Result<std::string> emit_nginx_config(const NginxTree& tree) {
  VC_TRY(check_names(tree));
  std::string out;
  emit_all(tree, 0, out);
  VC_TRY(const std::vector<PlainDirective> read_back, parse_nginx_config(out));
  if (read_back != plain(tree)) {
    return Error(ErrorCode::kInternal,
                 "cannot render nginx's configuration: its text would be read as something else");
  }
  return out;
}

}  // namespace voicectl
