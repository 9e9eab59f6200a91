// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_builder.h"

#include <iterator>
#include <utility>

namespace voicectl {

NginxDirective NginxBuilder::say(std::string name, std::vector<NginxArgument> arguments) {
  return {std::move(name), std::move(arguments), std::nullopt};
}

NginxDirective NginxBuilder::say(std::string name, std::initializer_list<std::string_view> words) {
  NginxDirective out{std::move(name), {}, std::nullopt};
  for (const std::string_view one : words) {
    out.arguments.push_back(word(one));
  }
  return out;
}

NginxDirective NginxBuilder::block(std::string name,
                                   std::vector<NginxArgument> arguments,
                                   NginxTree inside) {
  return {std::move(name), std::move(arguments), std::move(inside)};
}

NginxDirective NginxBuilder::entry(NginxArgument key, NginxArgument value) {
  return {"", {std::move(key), std::move(value)}, std::nullopt};
}

NginxArgument NginxBuilder::keep(Result<NginxArgument> made) {
  if (made.has_value()) {
    return std::move(*made);
  }
  if (!status_.has_error()) {
    status_ = Status(made.error());
  }
  return NginxArgument::number(0);
}

void append(NginxTree& tree, NginxTree more) {
  tree.insert(tree.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

}  // namespace voicectl
