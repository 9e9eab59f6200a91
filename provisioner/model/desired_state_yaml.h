// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/field_owners.h"

namespace voicectl {

/// A document and the name to show for it in messages.
struct SourceText {
  std::string name;
  std::string text;
};

/// Something wrong in a document, said so that a person can mend it.
struct Diagnostic {
  std::string file{};
  int line = 0;    ///< from 1; 0 where there is no place
  int column = 0;  ///< from 1
  /// Where in the document: "tenants[1].limits.concurrent_sessions".
  std::string key_path{};
  /// What was found and what is allowed.
  std::string message{};
  /// What to write instead, or empty.
  std::string suggestion{};

  /// "platform.yaml:12:7: tenants[1].tier: found 'gold', allowed are auto, pooled, dedicated; did
  /// you mean ...?"
  std::string str() const;
  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// What reading found: the state if there is nothing wrong, else everything that is.
struct ParsedState {
  DesiredState state;
  std::vector<Diagnostic> problems;
  /// Problems beyond those: a person mends the first ones and asks again.
  std::size_t left_out = 0;
  /// Fields that the documents name, whatever they say of them: the others have their defaults
  /// because nobody said anything. None for documents of our own (LaterRules::kSkip).
  FieldNames named{};
  bool ok() const { return problems.empty(); }
};

/// Whether rules that came after the first desired states were kept are held against a document.
enum class LaterRules { kApply, kSkip };

/// Whether each canary must be a tenant of the documents: whoever writes a file can mend it, but a
/// command changes a state whose canary may have been deleted since, or was never held against that
/// rule.
enum class Canaries { kAreTenants, kMayBeGone };

/// What a document may cost; over it is a diagnostic, not a crash.
struct YamlBudget {
  std::size_t bytes = 8U << 20;
  std::size_t depth = 32;
  /// Nodes visited with aliases expanded: a small document with nested aliases can stand for
  /// millions of nodes ("billion laughs").
  std::size_t nodes = 2'000'000;
  LaterRules later_rules = LaterRules::kApply;
  /// With LaterRules::kApply.
  Canaries canaries = Canaries::kAreTenants;
};

/// For documents that we have checked and rendered ourselves: what was accepted once must always be
/// readable, or a daemon could not start again.
inline constexpr YamlBudget kOwnDocumentBudget{.bytes = std::size_t{512} << 20,
                                               .depth = 32,
                                               .nodes = 100'000'000,
                                               .later_rules = LaterRules::kSkip};

/// Reads the text of a file named in a document ("menu_file: menu.yaml"), relative to the document.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// Reads one or several documents of `apiVersion: voicectl/v1` as one desired state.
///
/// Reports every error at once, in the order of files and lines. At most one document may have
/// `platform:`; tenants may be spread over all of them and are merged; a name or domain that
/// stands twice is an error that names both places. JSON is accepted, as the subset of YAML that
/// it is. Pure but for `read_file`.
ParsedState parse_desired_state(const std::vector<SourceText>& sources,
                                const FileReader& read_file,
                                const YamlBudget& budget = {});

/// Files that `state` names by a relative path (keys, credentials) get `folder` before it.
///
/// Reading has put the document's folder before such paths; if that was relative itself, they are
/// relative to where the reader of the document stood, and only it can make them absolute.
DesiredState with_absolute_paths(DesiredState state, const std::string& folder);

/// The state as one canonical document (JSON, every key present, sorted). parse(render(s)) == s.
std::string render_desired_state(const DesiredState& state);

/// The same with only the fields in `named` (and what every tenant requires), so that whoever reads
/// it knows as well what the documents have said nothing of. parse(render(s)) == s if `named` is of
/// the documents that `state` was read from.
std::string render_named_state(const DesiredState& state, const FieldNames& named);

/// One tenant, in the form that it has under `tenants:`; and back.
std::string render_tenant(const TenantSpec& tenant);
Result<TenantSpec> parse_tenant(std::string_view document);
std::string render_platform(const PlatformSpec& platform);
Result<PlatformSpec> parse_platform(std::string_view document);

/// Rules between the parts of a state that was put together of several: names and hosts that stand
/// once, backends that may be reached, ports that suffice. A canary may be no tenant of it.
/// ERRORS: kInvalidArgument with the first problem.
Status check_state(const DesiredState& state);

/// The state as YAML for people: only what differs from the defaults.
std::string render_desired_state_yaml(const DesiredState& state);

/// The state as YAML with every field: applied as a file it leaves none to whoever has set it.
std::string render_full_state_yaml(const DesiredState& state);

}  // namespace voicectl
