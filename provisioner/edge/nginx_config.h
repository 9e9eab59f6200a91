// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// One argument of a directive. Each kind has its own grammar, checked when it is made, so that a
/// value can never end its directive, open a block, begin a comment or name a variable.
class NginxArgument {
 public:
  /// [A-Za-z0-9] and `._:/=@+,*-`, one or more: "on", "shared:tls:10m", "[::1]:8443" (with
  /// brackets around an IPv6 address).
  static Result<NginxArgument> word(std::string_view text);
  /// Free text for a header or an answer: printable ASCII without quotes, backslash, `$`, `;`,
  /// `{`, `}`, `#`. Written in quotes.
  static Result<NginxArgument> text(std::string_view text);
  /// An absolute path of [A-Za-z0-9._-] parts, none of them "." or "..".
  static Result<NginxArgument> path(std::string_view text);
  /// A Perl regular expression with its `~` or `~*`: printable ASCII without quotes, blanks, `;`
  /// and `#`. For server_name and map; never made from outside values but through escape_regex().
  static Result<NginxArgument> regex(std::string_view text);
  /// A variable's name without `$`: [a-z0-9_].
  static Result<NginxArgument> variable(std::string_view name);
  /// A JSON document as the body of an answer.
  /// ERRORS: kInvalidArgument if it holds a quote ('), a backslash, `$` or a control character.
  static Result<NginxArgument> json(const Json& document);
  static NginxArgument number(std::uint64_t number);
  static NginxArgument size(Bytes size);
  static NginxArgument time(std::chrono::milliseconds length);
  /// Words, paths, texts, numbers and variables glued together: "http://unix:/x/$tenant.sock".
  /// A variable that is followed by a character of a name is written as ${name}.
  static Result<NginxArgument> joined(const std::vector<NginxArgument>& parts);
  /// For `if` only: true while no regular file is at `path`. (`-e` would not see sockets either.)
  static Result<NginxArgument> missing_file(const NginxArgument& path);

  /// As written in the file.
  const std::string& written() const { return written_; }
  /// As nginx reads it: one value, or two for missing_file().
  const std::vector<std::string>& values() const { return values_; }

  friend bool operator==(const NginxArgument&, const NginxArgument&) = default;

 private:
  enum class Kind { kWord, kText, kPath, kRegex, kVariable, kJson, kNumber, kJoined, kCondition };
  NginxArgument(Kind kind, std::string written, std::vector<std::string> values);

  Kind kind_;
  std::string written_;
  std::vector<std::string> values_;
};

/// `text` so that a regular expression matches it and nothing else.
std::string escape_regex(std::string_view text);

/// One directive, with a block or without.
struct NginxDirective {
  /// Empty for an entry of `map` or `types`: its first argument is the key.
  std::string name;
  std::vector<NginxArgument> arguments;
  std::optional<std::vector<NginxDirective>> block;
  friend bool operator==(const NginxDirective&, const NginxDirective&) = default;
};

using NginxTree = std::vector<NginxDirective>;

/// What nginx itself would read: names, values, blocks.
struct PlainDirective {
  std::string name;
  std::vector<std::string> arguments;
  std::optional<std::vector<PlainDirective>> block;
  friend bool operator==(const PlainDirective&, const PlainDirective&) = default;
};

/// The tree as nginx is meant to read it.
std::vector<PlainDirective> plain(const NginxTree& tree);

/// Renders the tree: two spaces per level, one directive per line, always the same.
///
/// Only directives that voicectl has a use for are rendered; `rewrite`, `set`, `include`,
/// `load_module` and everything else that could run or read what nobody reviewed are refused by
/// name. The text is read back and compared before it is returned.
/// ERRORS: kInvalidArgument for a directive that is not on the list; kInternal if the text does
/// not read back as the same tree.
Result<std::string> emit_nginx_config(const NginxTree& tree);

/// Reads a configuration as nginx does (quotes, backslashes, comments, `${name}`).
/// ERRORS: kInvalidArgument with the line, where nginx would refuse too.
Result<std::vector<PlainDirective>> parse_nginx_config(std::string_view text);

}  // namespace voicectl
