// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "provisioner/edge/nginx_config.h"

namespace voicectl {

/// Makes arguments and remembers the first that was refused, so that a layout reads like the
/// configuration it makes. Whoever builds asks for status() once, at the end.
class NginxBuilder {
 public:
  NginxArgument word(std::string_view text) { return keep(NginxArgument::word(text)); }
  NginxArgument text(std::string_view text) { return keep(NginxArgument::text(text)); }
  NginxArgument path(std::string_view text) { return keep(NginxArgument::path(text)); }
  NginxArgument regex(std::string_view text) { return keep(NginxArgument::regex(text)); }
  NginxArgument variable(std::string_view name) { return keep(NginxArgument::variable(name)); }
  NginxArgument json(const Json& document) { return keep(NginxArgument::json(document)); }
  NginxArgument joined(const std::vector<NginxArgument>& parts) {
    return keep(NginxArgument::joined(parts));
  }
  NginxArgument missing_file(const NginxArgument& path) {
    return keep(NginxArgument::missing_file(path));
  }

  /// A directive with these arguments.
  static NginxDirective say(std::string name, std::vector<NginxArgument> arguments);
  /// A directive whose arguments are words.
  NginxDirective say(std::string name, std::initializer_list<std::string_view> words);
  static NginxDirective block(std::string name,
                              std::vector<NginxArgument> arguments,
                              NginxTree inside);
  /// A line of a `map`.
  static NginxDirective entry(NginxArgument key, NginxArgument value);

  const Status& status() const { return status_; }

 private:
  NginxArgument keep(Result<NginxArgument> made);

  Status status_;
};

/// Moves the directives of `more` to the end of `tree`.
void append(NginxTree& tree, NginxTree more);

}  // namespace voicectl
