// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/registry.h"

#include <fmt/core.h>

namespace voicectl {

std::string_view name_of(JournalState state) {
  switch (state) {
    case JournalState::kIntent:
      return "intent";
    case JournalState::kDone:
      return "done";
    case JournalState::kFailed:
      return "failed";
    case JournalState::kUndone:
      return "undone";
  }
  return "unknown";
}

std::string_view name_of(RevisionOutcome outcome) {
  switch (outcome) {
    case RevisionOutcome::kOpen:
      return "open";
    case RevisionOutcome::kDone:
      return "done";
    case RevisionOutcome::kPartial:
      return "partial";
    case RevisionOutcome::kFailed:
      return "failed";
  }
  return "open";
}

RevisionOutcome revision_outcome_named(std::string_view name) {
  for (const RevisionOutcome outcome :
       {RevisionOutcome::kDone, RevisionOutcome::kPartial, RevisionOutcome::kFailed}) {
    if (name == name_of(outcome)) {
      return outcome;
    }
  }
  return RevisionOutcome::kOpen;
}

namespace {

bool is_of_a_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/// Whether `name` stands in `text`, not as a part of a longer one.
bool stands_in(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool begins = at == 0 || !is_of_a_name(text[at - 1]);
    if (begins && (end == text.size() || !is_of_a_name(text[end]))) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool speaks_of(const TenantId& tenant, std::string_view subject, std::string_view outcome) {
  const std::string& slug = tenant.str();
  // Its own instance; and in the words of an error: quoted, as a subject, in a path.
  return subject == "tenant/" + slug || subject == "instance/dedicated-" + slug ||
         outcome.find("'" + slug + "'") != std::string_view::npos ||
         stands_in(outcome, "tenant/" + slug) || stands_in(outcome, "tenants/" + slug) ||
         stands_in(outcome, "dedicated-" + slug);
}

Error no_such_api_key(const TenantId& tenant, const std::string& key_id) {
  return {ErrorCode::kNotFound,
          fmt::format("cannot find a key '{}' of tenant '{}'", key_id.substr(0, 64), tenant.str())};
}

bool has_changes(const RecordedChange& change) {
  return change.platform || !change.put_tenants.empty() || !change.drop_tenants.empty() ||
         !change.put_instances.empty() || !change.drop_instances.empty() ||
         !change.put_leases.empty() || !change.drop_leases.empty() || change.edge_fingerprint ||
         change.programs || !change.put_api_keys.empty() || !change.put_adoptions.empty() ||
         !change.drop_adoptions.empty();
}

}  // namespace voicectl
