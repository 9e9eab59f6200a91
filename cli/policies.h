// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.h"
#include "provisioner/model/monitor_spec.h"

namespace voicectl {

/// The policy that a word on the command line stands for: "current" (that of the platform),
/// "default", or a file with `monitor:` (provisioner/model/policy_text.h).
/// ERRORS: kNotFound, kInvalidArgument; those of the daemon for "current".
Result<PromotionPolicy> load_policy(CommandContext& context, const std::string& word);

}  // namespace voicectl
