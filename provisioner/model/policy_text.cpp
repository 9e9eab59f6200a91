// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/policy_text.h"

#include <fmt/core.h>

#include "provisioner/model/document_tree.h"
#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

/// A policy is a page of text at most.
constexpr YamlBudget kPolicyBudget{.bytes = 8U << 20};

PromotionPolicy read_document(const ValueReader& document) {
  MapReader map = document.map();
  if (const std::optional<ValueReader> platform = map.find("platform")) {
    // The rest of it is somebody else's.
    MapReader parts = platform->map();
    const std::optional<ValueReader> monitor = parts.find("monitor");
    return monitor ? read_monitor(*monitor) : PromotionPolicy{};
  }
  const std::optional<ValueReader> monitor =
      map.require("monitor", "monitor: {...}, as under platform");
  map.finish();
  return monitor ? read_monitor(*monitor) : PromotionPolicy{};
}

Error refusal(const Diagnostic& problem) {
  return {ErrorCode::kInvalidArgument, fmt::format("cannot use this policy: {}", problem.str())};
}

}  // namespace

Result<PromotionPolicy> parse_policy(const SourceText& source) {
  const ReadDocuments read = read_yaml_documents(source, kPolicyBudget);
  if (!read.problems.empty()) {
    return refusal(read.problems.front());
  }
  if (read.documents.size() != 1) {
    return refusal({source.name, 0, 0, "",
                    fmt::format("found {} documents; allowed is one", read.documents.size())});
  }
  const TreeNode& tree = *read.documents.front();
  Problems problems;
  const PromotionPolicy policy =
      read_document(ValueReader(tree, Spot{source.name, tree.place, ""}, problems));
  const std::vector<Diagnostic> wrong = problems.take();
  return wrong.empty() ? Result<PromotionPolicy>(policy) : refusal(wrong.front());
}

}  // namespace voicectl
