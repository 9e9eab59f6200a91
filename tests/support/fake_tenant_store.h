// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "tests/support/fake_file_system.h"

namespace voicectl {

/// The sessions of a tenant as a simulated instance has them: in memory, and on the simulated disk
/// in the tenant's folder. It is fenced as the real stores are (runtime/session): who opened it
/// with an older token than the newest writes nothing any more.
class FakeTenantStore {
 public:
  /// Reads what is there and makes `token` the newest. A folder that is not there keeps nothing.
  /// OWNS nothing: `files` must outlive it.
  /// ERRORS: kFenced if a newer one was here; kCorrupt.
  static Result<FakeTenantStore> open(FakeFileSystem& files,
                                      std::string folder,
                                      FencingToken token);

  /// Adds event `number` of a session, counted from 1; it is on the disk when this returns. One
  /// that is there already changes nothing, nor does one that comes too early.
  /// Returns how many events the session has.
  /// ERRORS: kFenced; kResourceExhausted: the disk is full; kNotFound: the folder is gone.
  Result<std::uint64_t> add(const std::string& session, std::uint64_t number);

 private:
  using Sessions = std::map<std::string, std::uint64_t>;
  struct Content {
    FencingToken newest;
    Sessions sessions;
  };
  FakeTenantStore(FakeFileSystem& files, std::string folder, FencingToken token)
      : files_(&files), folder_(std::move(folder)), token_(token) {}
  std::string path() const { return folder_ + "/sessions"; }
  bool is_there() const { return files_->find(folder_) != nullptr; }
  Result<Content> read() const;
  void write(const Content& content);

  FakeFileSystem* files_;
  std::string folder_;
  FencingToken token_;
  Sessions sessions_;
};

}  // namespace voicectl
