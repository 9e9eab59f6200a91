// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/file_system.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/model/programs.h"

namespace voicectl {

/// What a program says about itself when it is run.
struct ProgramFacts {
  std::string version;
  /// See ProgramRecord.
  std::string hand_over;
};

/// Runs a program once to learn whether it runs at all, and what it is.
class ProgramInspector {
 public:
  virtual ~ProgramInspector() = default;

  /// `done` runs once, in a later turn.
  /// ERRORS: kInvalidArgument if it does not run, with what it said; kTimeout.
  virtual void inspect(const std::string& path, Completion<ProgramFacts> done) = 0;
};

/// The daemon's own copies of the programs that instances are started with:
/// `<state>/programs/<fingerprint>/voice-runtime`. A package may replace the file that a copy was
/// made of at any time; what runs, and is started again after a crash, stays what it was.
///
/// A copy is whole or not there, and never changes. THREADS: loop thread only; files are copied off
/// the loop.
class ProgramStore {
 public:
  struct Deps {
    FileSystem& files;
    Offload& offload;
    ProgramInspector& inspector;
    const WallClock& wall;
  };
  /// `mode` is that of the folders: who runs instances as another user lets that user pass.
  ProgramStore(Deps deps, std::string folder, FileMode mode);
  ~ProgramStore();

  /// Finds the copies that are there. Blocking.
  Status look();

  /// Copies the program at `source`, runs the copy once, and answers with what it is. One that does
  /// not run leaves nothing behind. Idempotent.
  /// ERRORS: kNotFound, kInvalidArgument (no program, or it does not run), kResourceExhausted.
  void take_in(const std::string& source, Completion<ProgramRecord> done);

  /// Where the copy is; nullopt if there is none.
  std::optional<std::string> find(const std::string& fingerprint) const;

  /// Removes all others that nobody holds, unless one is just being taken in; what stays is removed
  /// with the next call.
  void keep_only(const std::vector<std::string>& fingerprints);

  /// Nobody removes that copy while what is returned lives: it was taken in, and who asked for it
  /// has not recorded it yet. It may outlive the store.
  std::shared_ptr<const void> hold(const std::string& fingerprint);

 private:
  std::string path_of(const std::string& fingerprint) const;
  void inspect(const std::string& fingerprint, bool is_new, Completion<ProgramRecord> done);

  Deps deps_;
  std::string folder_;
  FileMode mode_;
  std::set<std::string> copies_;
  /// Being copied, so that it is not known yet which.
  std::size_t copying_ = 0;
  /// Nobody removes them meanwhile.
  std::shared_ptr<std::multiset<std::string>> in_hand_ =
      std::make_shared<std::multiset<std::string>>();
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

/// 16 hexadecimal digits that name what a program file holds.
std::string fingerprint_of_program(std::string_view bytes);

}  // namespace voicectl
