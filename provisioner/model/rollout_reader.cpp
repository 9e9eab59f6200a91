// SPDX-License-Identifier: Apache-2.0
// How applies go about their tenants, and what is run around them.
#include <fmt/core.h>

#include <algorithm>

#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostHooks = 8;
constexpr std::size_t kMostWords = 32;
constexpr TextRule kWord{.least = 1, .most = 1000};
/// In seconds. A hook holds up whoever applies.
constexpr std::int64_t kLongestHook = 3600;

std::vector<TenantId> read_canary(const ValueReader& value) {
  std::vector<TenantId> out;
  for (const ValueReader& item : value.items()) {
    const std::optional<std::string> text = item.text({.least = 1, .most = 63});
    const Result<TenantId> tenant = TenantId::parse(text.value_or("x"));
    if (tenant.has_error()) {
      item.refuse_value("the slug of a tenant");
    } else if (text && std::find(out.begin(), out.end(), *tenant) != out.end()) {
      item.refuse(fmt::format("found '{}' twice", *text));
    } else if (text) {
      out.push_back(*tenant);
    }
  }
  return out;
}

HookSpec read_hook(const ValueReader& value) {
  MapReader map = value.map();
  HookSpec hook;
  if (const std::optional<ValueReader> command =
          map.require("command", "command: [/path/to/program]")) {
    for (const ValueReader& word : command->items()) {
      TextRule rule = kWord;
      rule.form = hook.command.empty() ? TextForm::kAbsolutePath : TextForm::kFree;
      hook.command.push_back(word.text(rule).value_or("?"));
    }
    if (hook.command.empty() || hook.command.size() > kMostWords) {
      command->refuse(
          fmt::format("found {} words; a command has 1 to {}", hook.command.size(), kMostWords),
          "write it as a list: command: [/usr/local/bin/check, --fast]");
    }
  }
  hook.timeout = map.seconds("timeout", 1, kLongestHook, hook.timeout);
  map.finish();
  return hook;
}

std::vector<HookSpec> read_hook_list(MapReader& map, std::string_view key) {
  std::vector<HookSpec> out;
  const std::optional<ValueReader> list = map.find(key);
  if (!list) {
    return out;
  }
  for (const ValueReader& item : list->items()) {
    out.push_back(read_hook(item));
  }
  if (out.size() > kMostHooks) {
    list->refuse(fmt::format("found {} hooks; allowed are {}", out.size(), kMostHooks));
  }
  return out;
}

}  // namespace

RolloutSpec read_rollout(const ValueReader& value) {
  MapReader map = value.map();
  RolloutSpec out;
  if (const std::optional<ValueReader> canary = map.find("canary")) {
    out.canary = read_canary(*canary);
  }
  out.batch = read_figure(map, "batch", 1, kMostTenantsInABatch);
  out.pause = map.seconds("pause", 0, kLongestRolloutPause.count(), out.pause);
  out.max_failures = read_figure(map, "max_failures", 0, kMostTenantsInABatch);
  map.finish();
  if (out.pause.count() > 0 && out.canary.empty() && !out.batch) {
    value.problems().add(map.spot_of("pause").problem(
        "found a pause and nothing that it would come between", "add batch: or canary:"));
  }
  return out;
}

HooksSpec read_hooks(const ValueReader& value) {
  MapReader map = value.map();
  HooksSpec out;
  out.before_apply = read_hook_list(map, "before_apply");
  out.after_apply = read_hook_list(map, "after_apply");
  out.before_promotion = read_hook_list(map, "before_promotion");
  out.after_promotion = read_hook_list(map, "after_promotion");
  map.finish();
  return out;
}

}  // namespace voicectl
