// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/desired_state_yaml.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "provisioner/model/document_tree.h"
#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

/// How a JSON document is read: quickly, or so that problems have their lines.
enum class JsonReading { kFast, kWithPlaces };

/// A key of a tenant as it stands in a canonical document.
std::string canonical_key(const std::string& key) {
  constexpr std::string_view kInFile = "_file";
  for (const std::string_view list :
       {"menu", "services", "support_categories", "staff", "knowledge_base"}) {
    if (key.size() == list.size() + kInFile.size() && key.starts_with(list) &&
        key.ends_with(kInFile)) {
      return std::string(list);
    }
  }
  return key;
}

/// The fields that `map` names.
void note_names(const TreeNode& map, const std::string& path, std::set<std::string>& out) {
  for (const TreeEntry& entry : map.entries) {
    std::string field = join_path(path, path.empty() ? canonical_key(entry.key) : entry.key);
    if (entry.value->kind == TreeNode::Kind::kMap && !is_one_field(field)) {
      note_names(*entry.value, field, out);
    } else {
      out.insert(std::move(field));
    }
  }
}

/// Turns documents into one state, and remembers what is wrong with them.
class StateReader {
 public:
  StateReader(const FileReader& read_file, const YamlBudget& budget, JsonReading reading)
      : files_(read_file, budget, problems_), budget_(budget), reading_(reading) {}

  void read(const SourceText& source) {
    std::vector<TreeRef> documents = documents_of(source);
    // The budget is for all sources together, or many small ones would get around it.
    budget_.bytes -= std::min(budget_.bytes, source.text.size());
    for (TreeRef& document : documents) {
      trees_.push_back(std::move(document));
      read_document(source.name, *trees_.back());
    }
  }

  ParsedState finish() {
    check_platform(platform_, problems_);
    check_together(platform_, tenants_, problems_);
    if (budget_.later_rules == LaterRules::kApply) {
      check_backends(platform_, tenants_, problems_);
    }
    if (budget_.later_rules == LaterRules::kApply && budget_.canaries == Canaries::kAreTenants) {
      check_canaries(platform_, tenants_, problems_);
    }
    ParsedState out;
    out.left_out = problems_.left_out();
    out.problems = problems_.take();
    if (!out.ok()) {
      return out;
    }
    out.named = std::move(named_);
    out.state.platform = std::move(platform_.spec);
    for (TenantDraft& tenant : tenants_) {
      out.state.tenants.push_back(std::move(tenant.spec));
    }
    std::sort(out.state.tenants.begin(), out.state.tenants.end(),
              [](const TenantSpec& a, const TenantSpec& b) { return a.tenant < b.tenant; });
    return out;
  }

  /// A JSON document was read without places.
  bool was_fast() const { return was_fast_; }

 private:
  std::vector<TreeRef> documents_of(const SourceText& source) {
    if (reading_ == JsonReading::kFast) {
      if (std::optional<TreeRef> tree = find_json_document(source.text, budget_)) {
        was_fast_ = true;
        return {std::move(*tree)};
      }
    }
    ReadDocuments read = read_yaml_documents(source, budget_);
    if (read.documents.empty() && read.problems.empty()) {
      problems_.add({source.name, 0, 0, "", "found no document",
                     fmt::format("begin with apiVersion: {}", kApiVersion)});
    }
    for (Diagnostic& problem : read.problems) {
      problems_.add(std::move(problem));
    }
    return std::move(read.documents);
  }

  void read_document(const std::string& file, const TreeNode& tree) {
    const ValueReader document(tree, Spot{file, tree.place, ""}, problems_);
    MapReader map = document.map();
    const std::string version_line = fmt::format("apiVersion: {}", kApiVersion);
    if (const auto version = map.require("apiVersion", version_line)) {
      const std::optional<std::string> text = version->text({.least = 1});
      if (text && *text != kApiVersion) {
        version->refuse_value(fmt::format("'{}'", kApiVersion));
      }
    }
    if (const std::optional<ValueReader> platform = map.find("platform")) {
      add_platform(*platform);
    }
    if (const std::optional<ValueReader> tenants = map.find("tenants")) {
      for (const ValueReader& tenant : tenants->items()) {
        tenants_.push_back(read_tenant(tenant, files_));
        note_named(tenants_.back().spec.tenant.str(), tenant.node());
      }
    }
    map.finish();
  }

  void add_platform(const ValueReader& value) {
    if (has_platform_) {
      value.refuse(fmt::format("found a second platform; the first is at {}:{}",
                               platform_.platform.file, platform_.platform.place.line),
                   "keep one of them");
      return;
    }
    has_platform_ = true;
    platform_ = read_platform(value);
    note_named(std::string(kPlatformPart), value.node());
  }

  void note_named(const std::string& part, const TreeNode& node) {
    if (budget_.later_rules == LaterRules::kApply) {
      note_names(node, "", named_[part]);
    }
  }

  Problems problems_;
  IncludedFiles files_;
  YamlBudget budget_;
  JsonReading reading_;
  bool was_fast_ = false;
  bool has_platform_ = false;
  /// Values that were read point into them.
  std::vector<TreeRef> trees_;
  PlatformDraft platform_;
  std::vector<TenantDraft> tenants_;
  FieldNames named_;
};

/// The tree of a document of our own making.
Result<TreeRef> read_one(std::string_view document) {
  const YamlBudget& budget = kOwnDocumentBudget;
  if (std::optional<TreeRef> tree = find_json_document(document, budget)) {
    return std::move(*tree);
  }
  ReadDocuments read = read_yaml_documents({"document", std::string(document)}, budget);
  if (!read.problems.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read this document: {}", read.problems.front().str()));
  }
  if (read.documents.size() != 1) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read this document: found {} documents; allowed is one",
                             read.documents.size()));
  }
  return std::move(read.documents.front());
}

Status refuse_first(Problems& problems, std::string_view what) {
  const std::vector<Diagnostic> list = problems.take();
  if (list.empty()) {
    return ok_status();
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use this {}: {}", what, list.front().str()));
}

void make_absolute(std::string& path, const std::string& folder) {
  if (!path.empty() && !path.starts_with('/')) {
    path = folder + "/" + path;
  }
}

}  // namespace

std::string Diagnostic::str() const {
  std::string out = file;
  if (line > 0) {
    out += fmt::format(":{}:{}", line, column);
  }
  for (const std::string& part : {key_path, message}) {
    out += (out.empty() || part.empty() ? "" : ": ") + part;
  }
  return suggestion.empty() ? out : out + "; " + suggestion;
}

ParsedState parse_desired_state(const std::vector<SourceText>& sources,
                                const FileReader& read_file,
                                const YamlBudget& budget) {
  StateReader fast(read_file, budget, JsonReading::kFast);
  for (const SourceText& source : sources) {
    fast.read(source);
  }
  ParsedState parsed = fast.finish();
  if (parsed.ok() || !fast.was_fast()) {
    return parsed;
  }
  StateReader with_places(read_file, budget, JsonReading::kWithPlaces);
  for (const SourceText& source : sources) {
    with_places.read(source);
  }
  return with_places.finish();
}

Result<TenantSpec> parse_tenant(std::string_view document) {
  VC_TRY(const TreeRef tree, read_one(document));
  Problems problems;
  IncludedFiles no_files(nullptr, YamlBudget{}, problems);
  TenantDraft draft = read_tenant(ValueReader(*tree, Spot{}, problems), no_files);
  VC_TRY(refuse_first(problems, "tenant"));
  return std::move(draft.spec);
}

Result<PlatformSpec> parse_platform(std::string_view document) {
  VC_TRY(const TreeRef tree, read_one(document));
  Problems problems;
  PlatformDraft draft = read_platform(ValueReader(*tree, Spot{}, problems));
  check_platform(draft, problems);
  VC_TRY(refuse_first(problems, "platform"));
  return std::move(draft.spec);
}

Status check_state(const DesiredState& state) {
  const auto spot = [](std::string path) { return Spot{"", Place{}, std::move(path)}; };
  const PlatformDraft platform{state.platform, spot("platform"), spot("platform.domain"),
                               spot("platform.ports.range"), spot("platform.rollout")};
  std::vector<TenantDraft> tenants;
  for (const TenantSpec& tenant : state.tenants) {
    const std::string path = fmt::format("tenants[{}]", tenant.tenant.str());
    TenantDraft draft{tenant, spot(path + ".slug"), {}, spot(path + ".backend.url")};
    for (const HostName& domain : tenant.domains) {
      draft.domains.push_back(spot(fmt::format("{}.domains[{}]", path, domain.str())));
    }
    tenants.push_back(std::move(draft));
  }
  Problems problems;
  check_platform(platform, problems);
  check_together(platform, tenants, problems);
  check_backends(platform, tenants, problems);
  return refuse_first(problems, "desired state");
}

DesiredState with_absolute_paths(DesiredState state, const std::string& folder) {
  make_absolute(state.platform.ultravox.api_key_file, folder);
  make_absolute(state.platform.store.password_file, folder);
  for (TenantSpec& tenant : state.tenants) {
    make_absolute(tenant.backend.credentials_file, folder);
  }
  return state;
}

}  // namespace voicectl
