// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/program_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/crypto.h"

namespace voicectl {
namespace {

constexpr std::size_t kLongestProgram = 1U << 30;
constexpr FileMode kProgramFile{0755};
constexpr std::string_view kFileName = "/voice-runtime";

/// What copying came to, handed back to the loop.
struct Copied {
  Status status;
  std::string fingerprint;
  bool is_new = false;
};

Copied copy(FileSystem& files,
            const std::string& source,
            const std::string& folder,
            FileMode mode) {
  Copied out;
  const auto work = [&]() -> Status {
    VC_TRY(const std::optional<std::string> bytes, files.read(source, kLongestProgram));
    if (!bytes || bytes->empty()) {
      return Error(bytes ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
                   fmt::format("cannot take in program '{}': {}", source,
                               bytes ? "the file is empty" : "there is no such file"));
    }
    out.fingerprint = fingerprint_of_program(*bytes);
    const std::string path = folder + "/" + out.fingerprint;
    VC_TRY(const std::optional<std::string> known,
           files.read(path + std::string(kFileName), kLongestProgram));
    if (known == bytes) {
      return ok_status();
    }
    out.is_new = true;
    VC_TRY(files.make_directory(folder, mode));
    VC_TRY(files.make_directory(path, mode));
    return files.replace_atomically(path + std::string(kFileName), *bytes, kProgramFile);
  };
  out.status = work();
  return out;
}

}  // namespace

std::string fingerprint_of_program(std::string_view bytes) {
  constexpr std::size_t kDigits = 16;
  return sha256_hex(bytes).substr(0, kDigits);
}

ProgramStore::ProgramStore(Deps deps, std::string folder, FileMode mode)
    : deps_(deps), folder_(std::move(folder)), mode_(mode) {}

ProgramStore::~ProgramStore() = default;

Status ProgramStore::look() {
  VC_TRY(const std::vector<std::string> names, deps_.files.list(folder_));
  for (const std::string& name : names) {
    // A folder without its program is what an interrupted copy left.
    VC_TRY(const std::vector<std::string> inside, deps_.files.list(folder_ + "/" + name));
    if (!inside.empty()) {
      copies_.insert(name);
    }
  }
  return ok_status();
}

std::string ProgramStore::path_of(const std::string& fingerprint) const {
  return folder_ + "/" + fingerprint + std::string(kFileName);
}

std::optional<std::string> ProgramStore::find(const std::string& fingerprint) const {
  return copies_.contains(fingerprint) ? std::optional(path_of(fingerprint)) : std::nullopt;
}

void ProgramStore::take_in(const std::string& source, Completion<ProgramRecord> done) {
  auto copied = std::make_shared<Copied>();
  ++copying_;
  deps_.offload.run([copied, &files = deps_.files, source, folder = folder_,
                     mode = mode_] { *copied = copy(files, source, folder, mode); },
                    [this, copied, done = std::move(done), alive = std::weak_ptr(alive_)] {
                      if (alive.expired()) {
                        return;
                      }
                      --copying_;
                      if (copied->status.has_error()) {
                        done(copied->status.error());
                        return;
                      }
                      inspect(copied->fingerprint, copied->is_new, done);
                    });
}

void ProgramStore::inspect(const std::string& fingerprint,
                           bool is_new,
                           Completion<ProgramRecord> done) {
  deps_.inspector.inspect(
      path_of(fingerprint),
      [this, fingerprint, is_new, done = std::move(done), held = hold(fingerprint),
       alive = std::weak_ptr(alive_)](const Result<ProgramFacts>& facts) {
        if (alive.expired()) {
          return;
        }
        if (facts.has_error()) {
          if (is_new && in_hand_->count(fingerprint) == 1) {
            // What stays behind is removed by keep_only().
            (void)deps_.files.remove(folder_ + "/" + fingerprint);
            copies_.erase(fingerprint);
          }
          done(facts.error());
          return;
        }
        copies_.insert(fingerprint);
        done(ProgramRecord{fingerprint, facts->version, facts->hand_over, deps_.wall.now()});
      });
}

std::shared_ptr<const void> ProgramStore::hold(const std::string& fingerprint) {
  const auto let_go = [in_hand = in_hand_, fingerprint](const void*) {
    in_hand->erase(in_hand->find(fingerprint));
  };
  in_hand_->insert(fingerprint);
  return {in_hand_.get(), let_go};
}

void ProgramStore::keep_only(const std::vector<std::string>& fingerprints) {
  if (copying_ > 0) {
    return;
  }
  const Result<std::vector<std::string>> names = deps_.files.list(folder_);
  if (names.has_error()) {
    return;
  }
  for (const std::string& name : *names) {
    const bool is_wanted =
        std::find(fingerprints.begin(), fingerprints.end(), name) != fingerprints.end();
    if (!is_wanted && !in_hand_->contains(name) &&
        deps_.files.remove(folder_ + "/" + name).has_value()) {
      copies_.erase(name);
    }
  }
}

}  // namespace voicectl
