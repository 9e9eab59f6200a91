// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <charconv>

#include "playbooks/modules/module.h"

namespace voicectl {
namespace {

Error bad(const std::string& key, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("cannot use argument '{}': {}", key, why));
}

bool has_parent_step(const std::string& path) {
  return path.find("/../") != std::string::npos || path.ends_with("/..");
}

}  // namespace

void ModuleArguments::add(std::string key, std::vector<std::string> values) {
  arguments_.insert_or_assign(std::move(key), Argument{std::move(values), false});
}

ModuleArguments::Argument* ModuleArguments::find(const std::string& key) {
  const auto found = arguments_.find(key);
  if (found == arguments_.end()) {
    return nullptr;
  }
  found->second.is_known = true;
  return &found->second;
}

Result<std::string> ModuleArguments::require_text(const std::string& key) {
  const Argument* const argument = find(key);
  if (argument == nullptr) {
    return bad(key, "it is missing");
  }
  if (argument->values.size() != 1) {
    return bad(key, "found a list, allowed is one text");
  }
  return argument->values.front();
}

Result<std::string> ModuleArguments::text_or(const std::string& key, std::string fallback) {
  return find(key) == nullptr ? Result<std::string>(std::move(fallback)) : require_text(key);
}

Result<std::vector<std::string>> ModuleArguments::require_list(const std::string& key) {
  const Argument* const argument = find(key);
  if (argument == nullptr || argument->values.empty()) {
    return bad(key, "it is missing or empty");
  }
  return argument->values;
}

Result<FileMode> ModuleArguments::mode_or(const std::string& key, FileMode fallback) {
  if (find(key) == nullptr) {
    return fallback;
  }
  VC_TRY(const std::string text, require_text(key));
  constexpr std::uint32_t kAllBits = 07777;
  std::uint32_t mode = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      mode > kAllBits) {
    return bad(key, fmt::format("found '{}', allowed is an octal mode such as \"0644\"", text));
  }
  return FileMode{mode};
}

Result<std::string> ModuleArguments::require_path(const std::string& key) {
  VC_TRY(std::string path, require_text(key));
  if (!path.starts_with('/') || has_parent_step(path)) {
    return bad(key, fmt::format("found '{}', allowed is an absolute path without '..'", path));
  }
  return path;
}

Status ModuleArguments::check_all_known() const {
  std::vector<std::string> known;
  for (const auto& [key, argument] : arguments_) {
    if (argument.is_known) {
      known.push_back(key);
    }
  }
  for (const auto& [key, argument] : arguments_) {
    if (!argument.is_known) {
      return bad(key,
                 fmt::format("the module does not know it (it took: {})", fmt::join(known, ", ")));
    }
  }
  return ok_status();
}

}  // namespace voicectl
