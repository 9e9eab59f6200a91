// SPDX-License-Identifier: Apache-2.0
#include "playbooks/playbook.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <set>

namespace voicectl {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;
/// Counted with aliases expanded: a short text with nested aliases can stand for millions.
constexpr std::size_t kMostValues = 50'000;
constexpr std::size_t kDeepest = 8;

class PlaybookReader {
 public:
  explicit PlaybookReader(std::string file) : file_(std::move(file)) {}

  Result<Playbook> read(const YAML::Node& root) {
    VC_TRY(check_size(root, 0));
    VC_TRY(check_keys(root, "the playbook", std::set<std::string>{"name", "tasks"}));
    Playbook playbook;
    VC_TRY(playbook.name, text(root, "name"));
    const YAML::Node tasks = root["tasks"];
    if (!tasks || !tasks.IsSequence() || tasks.size() == 0) {
      return bad(root, "'tasks' must be a list with at least one task");
    }
    for (const YAML::Node& task : tasks) {
      VC_TRY(Task read, read_task(task));
      playbook.tasks.push_back(std::move(read));
    }
    return playbook;
  }

 private:
  Error bad(const YAML::Node& at, std::string_view why) const {
    return Error(ErrorCode::kInvalidArgument, fmt::format("cannot read playbook '{}', line {}: {}",
                                                          file_, at.Mark().line + 1, why));
  }

  Status check_size(const YAML::Node& value, std::size_t depth) {
    if (++values_ > kMostValues || depth > kDeepest) {
      return Error(
          ErrorCode::kResourceExhausted,
          fmt::format("cannot read playbook '{}': it is larger or deeper than allowed", file_));
    }
    for (const auto& inner : value) {
      // A sequence yields values; a map yields pairs.
      if (value.IsMap()) {
        VC_TRY(check_size(inner.first, depth + 1));
        VC_TRY(check_size(inner.second, depth + 1));
      } else {
        VC_TRY(check_size(inner, depth + 1));
      }
    }
    return ok_status();
  }

  Status check_keys(const YAML::Node& map,
                    std::string_view what,
                    const std::optional<std::set<std::string>>& allowed) const {
    if (!map.IsMap()) {
      return bad(map, fmt::format("{} must have keys", what));
    }
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) {
        return bad(entry.first, "a key must be text");
      }
      const std::string key = entry.first.Scalar();
      if (allowed && !allowed->contains(key)) {
        return bad(entry.first, fmt::format("{} has no key '{}'", what, key));
      }
      if (!seen.insert(key).second) {
        return bad(entry.first, fmt::format("key '{}' stands twice", key));
      }
    }
    return ok_status();
  }

  Result<std::string> text(const YAML::Node& map, const char* key) const {
    const YAML::Node value = map[key];
    if (!value || !value.IsScalar() || value.Scalar().empty()) {
      return bad(map, fmt::format("'{}' must be text", key));
    }
    return value.Scalar();
  }

  Result<std::vector<std::string>> values(const YAML::Node& value) const {
    if (value.IsScalar()) {
      return std::vector<std::string>{value.Scalar()};
    }
    std::vector<std::string> out;
    for (const YAML::Node& item : value) {
      if (!value.IsSequence() || !item.IsScalar()) {
        return bad(value, "an argument must be text or a list of texts");
      }
      out.push_back(item.Scalar());
    }
    return out;
  }

  Result<Task> read_task(const YAML::Node& task) {
    VC_TRY(check_keys(task, "a task", std::set<std::string>{"name", "module", "args"}));
    VC_TRY(std::string module, text(task, "module"));
    ModuleArguments arguments;
    if (const YAML::Node args = task["args"]; args) {
      VC_TRY(check_keys(args, "'args'", std::nullopt));
      for (const auto& entry : args) {
        VC_TRY(std::vector<std::string> list, values(entry.second));
        arguments.add(entry.first.Scalar(), std::move(list));
      }
    }
    Result<std::shared_ptr<const Module>> work = make_module(module, std::move(arguments));
    if (work.has_error()) {
      return bad(task, work.error().text());
    }
    std::string name = (*work)->describe();
    if (task["name"]) {
      VC_TRY(name, text(task, "name"));
    }
    return Task{std::move(name), std::move(module), *work};
  }

  std::string file_;
  std::size_t values_ = 0;
};

}  // namespace

Result<Playbook> parse_playbook(const std::string& file, std::string_view text) {
  if (text.size() > kMostBytes) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot read playbook '{}': {} bytes are more than the allowed {}",
                             file, text.size(), kMostBytes));
  }
  try {
    return PlaybookReader(file).read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& problem) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read playbook '{}', line {}: {}", file, problem.mark.line + 1,
                             problem.msg));
  }
}

}  // namespace voicectl
