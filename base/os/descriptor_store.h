// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// Descriptors that belong together, under the name that they were put with and in the same order.
struct KeptDescriptors {
  std::string name;
  std::vector<UniqueFd> descriptors;
};

/// Keeps descriptors outside of this process, so that whoever comes after it finds them open: what
/// a listener's queue holds is then not lost with the last process that had it.
///
/// Nothing waits: what is put is kept from then on, unless the keeper itself dies. Then, once it is
/// back and empty, the owner is told to put everything again.
/// THREADS: loop thread only.
class DescriptorStore {
 public:
  struct Handlers {
    /// Nothing is kept any more: put everything again.
    std::function<void()> on_empty;
    /// Something is not kept, or could not be asked for; it is tried again where that has a chance.
    std::function<void(const Error&)> on_error;
  };

  virtual ~DescriptorStore() = default;

  /// Once, before anything else: gives what an earlier run put and nobody dropped. It stays kept.
  /// What was put in part only is not given. `done` runs in a later turn; what cannot be had is
  /// told to `on_error`.
  virtual void open(Handlers handlers,
                    std::function<void(std::vector<KeptDescriptors> kept)> done) = 0;

  /// Keeps duplicates of `descriptors` under `name`, in place of what was there. They stay open
  /// until the name is dropped or put again: where the keeper is slow, they are sent later.
  /// REQUIRES: a name of [a-z0-9/-], at most 200 long; at least one descriptor and at most
  /// kMaxKeptTogether.
  virtual void put(const std::string& name, const std::vector<int>& descriptors) = 0;

  /// Lets go of what has that name; of nothing if nothing has.
  virtual void drop(const std::string& name) = 0;

  /// Lets go of everything, for good; `done` runs in a later turn when nothing of it is left.
  virtual void clear(std::function<void()> done) = 0;
};

/// Most descriptors of one name.
inline constexpr std::size_t kMaxKeptTogether = 9;

/// Keeps nothing: what is lost when the last process that has it dies is then lost.
class NoDescriptorStore final : public DescriptorStore {
 public:
  /// Runs a task in a later turn of the loop.
  using Post = std::function<void(std::function<void()>)>;
  explicit NoDescriptorStore(Post post) : post_(std::move(post)) {}

  void open(Handlers, std::function<void(std::vector<KeptDescriptors>)> done) override {
    post_([done = std::move(done)] { done({}); });
  }
  void put(const std::string&, const std::vector<int>&) override {}
  void drop(const std::string&) override {}
  void clear(std::function<void()> done) override { post_(std::move(done)); }

 private:
  Post post_;
};

}  // namespace voicectl
