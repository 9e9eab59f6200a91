// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/model/monitor_spec.h"

namespace voicectl {

/// The policy of a document that has `monitor:` alone, as it stands under `platform:`, or of a
/// whole desired state. What it does not say is as by default. ERRORS: kInvalidArgument with the
/// first thing that is wrong and where.
Result<PromotionPolicy> parse_policy(const SourceText& source);

/// `monitor:` with every key, as YAML. parse_policy reads it.
std::string render_policy_yaml(const PromotionPolicy& policy);
/// The same as JSON.
std::string render_policy_json(const PromotionPolicy& policy);

}  // namespace voicectl
