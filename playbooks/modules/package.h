// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "playbooks/modules/module.h"

namespace voicectl {

/// Those of `names` that Debian's package manager has installed.
Result<std::set<std::string>> probe_packages(SshTransport& host,
                                             const std::vector<std::string>& names);

/// Pure: one change that installs all that is missing.
std::vector<Change> diff_packages(const std::vector<std::string>& names,
                                  const std::set<std::string>& installed);

/// Debian's rule: lower-case letters, digits, "+", "-", ".", at least two, beginning with a letter
/// or digit.
Status check_package_name(const std::string& name);

}  // namespace voicectl
