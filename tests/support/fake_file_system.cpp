// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_file_system.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string without_end_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

Error not_there(const std::string& path) {
  return Error(ErrorCode::kInternal, fmt::format("cannot use '{}': no such file or folder", path));
}

}  // namespace

Status FakeFileSystem::admit() {
  ++calls_;
  const auto planned = failures_.find(calls_);
  if (planned == failures_.end()) {
    return ok_status();
  }
  const Error error = planned->second;
  failures_.erase(planned);
  return error;
}

Status FakeFileSystem::admit_write(const std::string& path) {
  VC_TRY(admit());
  if (is_full_) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot write '{}': no space left; free some", path));
  }
  return ok_status();
}

void FakeFileSystem::fail_at(std::size_t n, Error error) {
  failures_.insert_or_assign(calls_ + n, std::move(error));
}

const FakeFileSystem::Entry* FakeFileSystem::find(const std::string& path) const {
  const auto found = entries_.find(without_end_slash(path));
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<std::string> FakeFileSystem::content_of(const std::string& path) const {
  const Entry* const entry = find(path);
  if (entry == nullptr || entry->kind != Kind::kFile) {
    return std::nullopt;
  }
  return entry->content;
}

bool FakeFileSystem::is_directory(const std::string& path) const {
  const Entry* const entry = find(path);
  return path == "/" || (entry != nullptr && entry->kind == Kind::kDirectory);
}

Status FakeFileSystem::require_parent(const std::string& path) const {
  if (!is_directory(parent_of(path))) {
    return not_there(parent_of(path));
  }
  return ok_status();
}

void FakeFileSystem::erase_tree(const std::string& path) {
  entries_.erase(path);
  const std::string below = path + "/";
  auto it = entries_.lower_bound(below);
  while (it != entries_.end() && it->first.starts_with(below)) {
    it = entries_.erase(it);
  }
}

Result<std::optional<std::string>> FakeFileSystem::read(const std::string& path,
                                                        std::size_t max_bytes) {
  VC_TRY(admit());
  const Entry* const entry = find(path);
  if (entry == nullptr) {
    return std::optional<std::string>();
  }
  if (entry->kind != Kind::kFile) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read '{}': it is not a regular file", path));
  }
  if (entry->content.size() > max_bytes) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot read '{}': it is longer than {} bytes", path, max_bytes));
  }
  return std::optional<std::string>(entry->content);
}

Result<std::optional<std::string>> FakeFileSystem::read_without_links(const std::string& path,
                                                                      std::size_t max_bytes) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    const Entry* const part = find(path.substr(0, end));
    if (part != nullptr && part->kind == Kind::kLink) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("cannot read '{}': a part of the path is a symbolic link", path));
    }
  }
  return read(path, max_bytes);
}

Result<std::string> FakeFileSystem::real_path(const std::string& path) {
  VC_TRY(admit());
  return resolve(path);
}

Result<std::string> FakeFileSystem::resolve(const std::string& path) const {
  constexpr int kMostLinks = 40;
  std::string todo = path + "/";
  std::string done;
  int links = 0;
  while (!todo.empty()) {
    const std::size_t end = todo.find('/');
    const std::string part = todo.substr(0, end);
    todo.erase(0, end + 1);
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      done.erase(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    const Entry* const entry = find(done + "/" + part);
    if (entry == nullptr) {
      return Error(ErrorCode::kNotFound, fmt::format("cannot find '{}': nothing is there", path));
    }
    if (entry->kind != Kind::kLink) {
      done += "/" + part;
      continue;
    }
    if (++links > kMostLinks) {
      return Error(ErrorCode::kCorrupt, fmt::format("cannot find '{}': its links go round", path));
    }
    if (entry->content.starts_with('/')) {
      done.clear();
    }
    todo.insert(0, entry->content + "/");
  }
  return done.empty() ? "/" : done;
}

Status FakeFileSystem::replace_atomically(const std::string& path,
                                          std::string_view content,
                                          FileMode mode) {
  VC_TRY(admit_write(path));
  VC_TRY(require_parent(path));
  if (is_directory(path)) {
    return Error(ErrorCode::kCorrupt, fmt::format("cannot replace '{}': it is a folder", path));
  }
  entries_.insert_or_assign(path, Entry{Kind::kFile, std::string(content), mode, UserIds{}});
  operations_.push_back("replace " + path);
  return ok_status();
}

Status FakeFileSystem::replace_owned(const std::string& path,
                                     std::string_view content,
                                     FileMode mode,
                                     UserIds owner) {
  VC_TRY(replace_atomically(path, content, mode));
  entries_.find(path)->second.owner = owner;
  return ok_status();
}

Status FakeFileSystem::replace_link(const std::string& path, const std::string& target) {
  VC_TRY(admit_write(path));
  VC_TRY(require_parent(path));
  if (is_directory(path)) {
    return Error(ErrorCode::kCorrupt, fmt::format("cannot replace '{}': it is a folder", path));
  }
  entries_.insert_or_assign(path, Entry{Kind::kLink, target, FileMode{0777}, UserIds{}});
  operations_.push_back("link " + path);
  return ok_status();
}

Result<std::vector<std::string>> FakeFileSystem::list(const std::string& directory) {
  VC_TRY(admit());
  const std::string folder = without_end_slash(directory);
  std::vector<std::string> names;
  if (find(folder) == nullptr && folder != "/") {
    return names;
  }
  if (!is_directory(folder)) {
    return Error(ErrorCode::kInternal, fmt::format("cannot list '{}': it is not a folder", folder));
  }
  for (const auto& [path, entry] : entries_) {
    if (parent_of(path) == folder) {
      names.push_back(path.substr(path.rfind('/') + 1));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status FakeFileSystem::make_directory(const std::string& path, FileMode mode) {
  VC_TRY(admit_write(path));
  const std::string folder = without_end_slash(path);
  for (std::size_t end = folder.find('/', 1); end != std::string::npos;
       end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (const Entry* const entry = find(part); entry == nullptr) {
      entries_.emplace(part, Entry{Kind::kDirectory, "", mode, UserIds{}});
    } else if (entry->kind != Kind::kDirectory) {
      return Error(ErrorCode::kInternal,
                   fmt::format("cannot make folder '{}': '{}' is not a folder", folder, part));
    }
  }
  Entry& entry = entries_.try_emplace(folder, Entry{Kind::kDirectory, "", mode, {}}).first->second;
  if (entry.kind != Kind::kDirectory) {
    return Error(ErrorCode::kInternal,
                 fmt::format("cannot make folder '{}': it is not a folder", folder));
  }
  entry.mode = mode;
  operations_.push_back("mkdir " + folder);
  return ok_status();
}

Status FakeFileSystem::remove(const std::string& path) {
  VC_TRY(admit());
  const std::string name = without_end_slash(path);
  if (find(name) != nullptr) {
    erase_tree(name);
    operations_.push_back("remove " + name);
  }
  return ok_status();
}

Status FakeFileSystem::set_owner(const std::string& path, UserIds owner) {
  VC_TRY(admit());
  const auto found = entries_.find(without_end_slash(path));
  if (found == entries_.end()) {
    return not_there(path);
  }
  found->second.owner = owner;
  operations_.push_back("chown " + path);
  return ok_status();
}

Status FakeFileSystem::move(const std::string& from, const std::string& to) {
  VC_TRY(admit_write(to));
  const Entry* const source = find(from);
  if (source == nullptr) {
    return not_there(from);
  }
  VC_TRY(require_parent(to));
  if (is_directory(to) && source->kind != Kind::kDirectory) {
    return Error(ErrorCode::kInternal, fmt::format("cannot replace '{}': it is a folder", to));
  }
  std::map<std::string, Entry> moved;
  for (const auto& [path, entry] : entries_) {
    if (path == from || path.starts_with(from + "/")) {
      moved.emplace(to + path.substr(from.size()), entry);
    }
  }
  erase_tree(from);
  erase_tree(to);
  entries_.merge(moved);
  operations_.push_back("move " + from + " " + to);
  return ok_status();
}

void FakeFileSystem::put(const std::string& path, std::string_view content, FileMode mode) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    entries_.try_emplace(path.substr(0, end),
                         Entry{Kind::kDirectory, "", kPrivateDirectory, UserIds{}});
  }
  entries_.insert_or_assign(path, Entry{Kind::kFile, std::string(content), mode, UserIds{}});
}

void FakeFileSystem::damage(const std::string& path, std::string_view content) {
  const auto found = entries_.find(path);
  if (found != entries_.end()) {
    found->second.content = content;
  }
}

void FakeFileSystem::tear(std::string_view call) {
  const std::size_t blank = std::min(call.find(' '), call.size());
  const std::string_view what = call.substr(0, blank);
  const std::string path =
      without_end_slash(std::string(call.substr(std::min(blank + 1, call.size()))));
  if (what == "replace" && is_directory(parent_of(path))) {
    const std::size_t slash = path.rfind('/');
    entries_.insert_or_assign(path.substr(0, slash + 1) + "." + path.substr(slash + 1) + ".new",
                              Entry{Kind::kFile, "{\"half", kPrivateFile, UserIds{}});
  } else if (what == "mkdir") {
    const std::string parent = parent_of(path);
    if (!is_directory(parent) && is_directory(parent_of(parent))) {
      entries_.emplace(parent, Entry{Kind::kDirectory, "", kPrivateDirectory, UserIds{}});
    }
  } else if (what == "remove") {
    // What is in a folder goes before the folder; half of it is gone.
    std::vector<std::string> below;
    for (const auto& [name, entry] : entries_) {
      if (name.starts_with(path + "/")) {
        below.push_back(name);
      }
    }
    for (std::size_t i = below.size(); i > below.size() / 2; --i) {
      erase_tree(below[i - 1]);
    }
  }
}

void FakeFileSystem::set_access(const std::string& path, FileMode mode, UserIds owner) {
  Entry& entry = entries_.at(path);
  entry.mode = mode;
  entry.owner = owner;
}

Status FakeFileSystem::put_socket(const std::string& path, FileMode mode, UserIds owner) {
  if (!is_directory(parent_of(path))) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot bind '{}': its folder does not exist", path));
  }
  entries_.insert_or_assign(path, Entry{Kind::kSocket, "", mode, owner});
  return ok_status();
}

}  // namespace voicectl
