// SPDX-License-Identifier: Apache-2.0
#include "cli/policies.h"

#include <fmt/core.h>

#include "cli/apply_flow.h"
#include "cli/documents.h"
#include "provisioner/model/policy_text.h"

namespace voicectl {

Result<PromotionPolicy> load_policy(CommandContext& context, const std::string& word) {
  if (word == "default") {
    return PromotionPolicy{};
  }
  if (word == "current") {
    const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
    const Result<DesiredState> desired = fetch_desired(*daemon);
    if (desired.has_error()) {
      return desired.error().with_context(
          "reading the platform's policy; name a file, or 'default', to do without");
    }
    return desired->platform.monitor;
  }
  VC_TRY(const std::vector<SourceText> sources, load_documents({word}, context));
  if (sources.size() != 1) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot read a policy from '{}': it is {} documents", word, sources.size()));
  }
  return parse_policy(sources.front());
}

}  // namespace voicectl
