// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/document_reader.h"

#include <fmt/core.h>

#include "base/crypto.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

Result<DocumentReader::DocumentRef> DocumentReader::read(const std::string& document,
                                                         FieldOwner owner) {
  std::string digest = sha256_hex(document);
  if (last_ != nullptr && digest == digest_ && owner == owner_) {
    return last_;
  }
  const auto no_files = [](const std::string& path) -> Result<std::string> {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot read '{}': the daemon takes whole documents only", path));
  };
  YamlBudget budget;
  budget.bytes = kMostBytes;
  budget.canaries = owner == FieldOwner::kFile ? Canaries::kAreTenants : Canaries::kMayBeGone;
  ParsedState parsed = parse_desired_state({SourceText{"document", document}}, no_files, budget);
  if (!parsed.ok()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot use this desired state: " + parsed.problems.front().str());
  }
  last_ =
      std::make_shared<const Document>(Document{std::move(parsed.state), std::move(parsed.named)});
  digest_ = std::move(digest);
  owner_ = owner;
  return last_;
}

}  // namespace voicectl
