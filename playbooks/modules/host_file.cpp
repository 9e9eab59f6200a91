// SPDX-License-Identifier: Apache-2.0
#include "playbooks/modules/host_file.h"

#include <fmt/core.h>

#include <charconv>

#include "base/crypto.h"

namespace voicectl {
namespace {

std::string octal(FileMode mode) {
  return fmt::format("{:04o}", static_cast<std::uint32_t>(mode));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(end + 1);
  }
}

Error unreadable(const std::string& path, const CommandOutcome& outcome) {
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("cannot look at '{}' on the host: {}", path,
                           std::string_view(outcome.err).substr(0, 200)));
}

/// Output of `stat -c '%a:%U:%G:%F'`.
Result<PathState> parse_stat(const std::string& path, std::string_view line) {
  while (line.ends_with('\n')) {
    line.remove_suffix(1);
  }
  const std::vector<std::string> parts = split(line, ':');
  std::uint32_t mode = 0;
  if (parts.size() != 4 ||
      std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), mode, 8).ec !=
          std::errc()) {
    return Error(ErrorCode::kInternal,
                 fmt::format("cannot read what the host says of '{}': '{}'", path, line));
  }
  PathState state{PathKind::kOther, FileMode{mode}, parts[1], parts[2], {}};
  if (parts[3] == "directory") {
    state.kind = PathKind::kDirectory;
  } else if (parts[3] == "regular file" || parts[3] == "regular empty file") {
    state.kind = PathKind::kFile;
  }
  return state;
}

void diff_ownership(const std::string& path,
                    const std::string& owner,
                    const std::string& group,
                    const PathState* found,
                    std::vector<Change>& changes) {
  const auto differs = [&](const std::string& wanted, const std::string& is) {
    return !wanted.empty() && (found == nullptr || wanted != is);
  };
  if (differs(owner, found == nullptr ? "" : found->owner)) {
    changes.push_back(Change{fmt::format("owner {} -> {}", found ? found->owner : "(none)", owner),
                             {{"chown", "-h", "--", owner, path}}});
  }
  if (differs(group, found == nullptr ? "" : found->group)) {
    changes.push_back(Change{fmt::format("group {} -> {}", found ? found->group : "(none)", group),
                             {{"chgrp", "-h", "--", group, path}}});
  }
}

void diff_mode(const std::string& path,
               FileMode wanted,
               const PathState* found,
               std::vector<Change>& changes) {
  if (found != nullptr && found->mode != wanted) {
    changes.push_back(Change{fmt::format("mode {} -> {}", octal(found->mode), octal(wanted)),
                             {{"chmod", "--", octal(wanted), path}}});
  }
}

Error in_the_way(const std::string& path, std::string_view wanted) {
  return Error(ErrorCode::kConflict,
               fmt::format("cannot make {} '{}': something of another kind is there; move it away",
                           wanted, path));
}

}  // namespace

Result<std::optional<PathState>> probe_path(SshTransport& host, const std::string& path) {
  VC_TRY(const CommandOutcome found, host.run({{"stat", "-c", "%a:%U:%G:%F", "--", path}}));
  if (!found.succeeded()) {
    // The exit code is the same for both; a folder that hides its content is no absence.
    VC_TRY(const CommandOutcome gone,
           host.run({{"env", "LC_ALL=C", "stat", "-c", "%a", "--", path}}));
    if (gone.err.find("No such file or directory") == std::string::npos) {
      return unreadable(path, gone);
    }
    return std::optional<PathState>();
  }
  VC_TRY(PathState state, parse_stat(path, found.out));
  if (state.kind == PathKind::kFile) {
    VC_TRY(const CommandOutcome sum, host.run({{"sha256sum", "--", path}}));
    if (!sum.succeeded()) {
      return unreadable(path, sum);
    }
    // A name with a backslash or line end makes sha256sum begin its line with a backslash.
    const std::size_t begin = sum.out.starts_with('\\') ? 1 : 0;
    state.sha256 = sum.out.substr(begin, 64);
  }
  return std::optional<PathState>(std::move(state));
}

Result<std::vector<Change>> diff_file(const FileSpec& spec, const std::optional<PathState>& found) {
  if (found && found->kind != PathKind::kFile) {
    return in_the_way(spec.path, "file");
  }
  std::vector<Change> changes;
  const bool is_written = !found || found->sha256 != sha256_hex(spec.content);
  if (is_written) {
    changes.push_back(
        Change{fmt::format("{} ({} bytes)", found ? "content" : "new file", spec.content.size()),
               {},
               spec.path,
               spec.content,
               spec.mode});
  } else {
    diff_mode(spec.path, spec.mode, &*found, changes);
  }
  // A file that is written anew belongs to the user that wrote it.
  diff_ownership(spec.path, spec.owner, spec.group, is_written ? nullptr : &*found, changes);
  return changes;
}

Result<std::vector<Change>> diff_directory(const DirectorySpec& spec,
                                           const std::optional<PathState>& found) {
  if (found && found->kind != PathKind::kDirectory) {
    return in_the_way(spec.path, "folder");
  }
  std::vector<Change> changes;
  if (!found) {
    changes.push_back(Change{fmt::format("new folder, mode {}", octal(spec.mode)),
                             {{"install", "-d", "-m", octal(spec.mode), "--", spec.path}}});
  }
  const PathState* const state = found ? &*found : nullptr;
  diff_mode(spec.path, spec.mode, state, changes);
  diff_ownership(spec.path, spec.owner, spec.group, state, changes);
  return changes;
}

}  // namespace voicectl
