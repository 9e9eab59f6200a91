// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/field_owners.h"

#include <nlohmann/json.hpp>

#include "provisioner/model/document_tree.h"

namespace voicectl {
namespace {

void collect(const Json& map, const std::string& path, std::map<std::string, Json>& out) {
  for (const auto& [key, value] : map.items()) {
    std::string field = join_path(path, key);
    if (field == "slug" || field == "import") {
      continue;
    }
    if (value.is_object() && !is_one_field(field)) {
      collect(value, field, out);
    } else {
      out.emplace(std::move(field), value);
    }
  }
}

}  // namespace

std::string_view name_of(FieldOwner owner) {
  switch (owner) {
    case FieldOwner::kFile:
      return "file";
    case FieldOwner::kCommandLine:
      return "command_line";
    case FieldOwner::kMonitor:
      return "monitor";
  }
  return "file";
}

void record_owners(FieldOwners& owners, const FieldOwnersChange& change, const FieldClaim& claim) {
  for (const auto& [part, fields] : change.dropped) {
    const auto found = owners.find(part);
    if (found == owners.end()) {
      continue;
    }
    for (const std::string& field : fields) {
      found->second.erase(field);
    }
    if (found->second.empty()) {
      owners.erase(found);
    }
  }
  for (const auto& [part, fields] : change.claimed) {
    for (const std::string& field : fields) {
      owners[part][field] = claim;
    }
  }
}

bool is_one_field(std::string_view field) {
  return field == "opening_hours";
}

std::map<std::string, Json> fields_of(const Json& part) {
  std::map<std::string, Json> out;
  collect(part, "", out);
  return out;
}

void set_field(Json& part, std::string_view field, const Json* value) {
  Json* map = &part;
  for (std::size_t dot = field.find('.'); dot != std::string_view::npos; dot = field.find('.')) {
    const std::string key(field.substr(0, dot));
    if (value == nullptr && !map->contains(key)) {
      return;
    }
    map = &(*map)[key];
    field.remove_prefix(dot + 1);
  }
  if (value != nullptr) {
    (*map)[std::string(field)] = *value;
  } else {
    map->erase(std::string(field));
  }
}

}  // namespace voicectl
