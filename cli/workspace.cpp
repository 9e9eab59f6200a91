// SPDX-License-Identifier: Apache-2.0
#include "cli/workspace.h"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"

namespace voicectl {
namespace {

constexpr std::size_t kLongestFile = 64U << 10;

/// The object in a file of ours; nullopt if there is no file.
Result<std::optional<Json>> load_object(FileSystem& files, const std::string& path) {
  VC_TRY(const std::optional<std::string> text, files.read(path, kLongestFile));
  if (!text) {
    return std::optional<Json>();
  }
  Result<Json> json = parse_json(*text);
  if (json.has_error() || !json->is_object()) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read '{}': it is no JSON object; remove it and run "
                             "'voicectl up' again",
                             path));
  }
  return std::optional<Json>(std::move(*json));
}

}  // namespace

Status Workspace::make(FileMode mode) {
  VC_TRY(files_.make_directory(folder_, mode));
  for (const char* part : {"config", "log"}) {
    VC_TRY(files_.make_directory(path(part), kPrivateDirectory));
  }
  return ok_status();
}

Result<std::optional<std::string>> Workspace::find_run_folder() const {
  VC_TRY(const std::optional<Json> object, load_object(files_, path("workspace.json")));
  if (!object) {
    return std::optional<std::string>();
  }
  VC_TRY(std::string run, require_string(*object, "run"));
  return std::optional<std::string>(std::move(run));
}

Status Workspace::write_run_folder(const std::string& run_folder) {
  const Json object = {{"run", run_folder}, {"control", run_folder + "/control.sock"}};
  return files_.replace_atomically(path("workspace.json"), dump_json(object) + "\n", kPrivateFile);
}

Result<std::optional<ProcessIdentity>> Workspace::find_program(std::string_view name) const {
  VC_TRY(const std::optional<Json> object, load_object(files_, path(std::string(name) + ".json")));
  if (!object) {
    return std::optional<ProcessIdentity>();
  }
  VC_TRY(const std::int64_t pid, require_integer(*object, "pid"));
  VC_TRY(const std::int64_t ticks, require_integer(*object, "start_ticks"));
  VC_TRY(std::string boot, require_string(*object, "boot_id"));
  return std::optional<ProcessIdentity>(
      ProcessIdentity{static_cast<int>(pid), static_cast<std::uint64_t>(ticks), std::move(boot)});
}

Status Workspace::write_program(std::string_view name, const ProcessIdentity& who) {
  const Json object = {
      {"pid", who.pid}, {"start_ticks", who.start_ticks}, {"boot_id", who.boot_id}};
  return files_.replace_atomically(path(std::string(name) + ".json"), dump_json(object) + "\n",
                                   kPrivateFile);
}

Status Workspace::forget_program(std::string_view name) {
  return files_.remove(path(std::string(name) + ".json"));
}

std::string run_folder_of(const std::string& folder,
                          std::uint32_t user_id,
                          const std::optional<std::string>& runtime_folder) {
  constexpr std::size_t kDigits = 8;
  const std::string mark = sha256_hex(folder).substr(0, kDigits);
  if (user_id == 0) {
    return "/run/voicectl-" + mark;
  }
  // Sockets of instances lie deep below it; see --run of voicectld.
  constexpr std::size_t kLongest = 30;
  if (runtime_folder && runtime_folder->starts_with('/') &&
      runtime_folder->size() + kDigits + 4 <= kLongest) {
    return *runtime_folder + "/vc-" + mark;
  }
  return fmt::format("/tmp/vc-{}-{}", user_id, mark);
}

std::string absolute_path(const std::string& base, const std::string& path) {
  std::string out = (std::filesystem::path(base) / path).lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') {
    out.pop_back();
  }
  return out;
}

}  // namespace voicectl
