// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "playbooks/modules/module.h"

namespace voicectl {

/// One thing that is to hold on a host.
struct Task {
  /// For people; what its module says where none is given.
  std::string name;
  std::string module;
  /// Shared, so that a playbook is a value and can run on many hosts.
  std::shared_ptr<const Module> work;
};

/// Tasks in their order.
struct Playbook {
  std::string name;
  std::vector<Task> tasks;
};

/// Reads a document such as
///
///   name: Web server
///   tasks:
///     - name: nginx is installed
///       module: package
///       args: {names: [nginx]}
///
/// Every module and argument is checked here, so that nothing is found out half-way on a host.
/// ERRORS: kInvalidArgument with file, line, and what is allowed; kResourceExhausted for a document
/// that is too large.
Result<Playbook> parse_playbook(const std::string& file, std::string_view text);

}  // namespace voicectl
