// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace voicectl {

/// One page of the list of sessions, put together from the pages of several instances.
class MergedSessions {
 public:
  explicit MergedSessions(std::size_t limit);
  ~MergedSessions();

  /// What an instance answered to `list_sessions`, or why it did not.
  void add(const Result<Json>& answer);

  /// {"sessions","problems","next"?}, newest first; to be taken once.
  /// ERRORS: kInvalidArgument if the question itself was refused.
  Result<Json> take();

 private:
  /// Where a session stands in the list of all, as the instances order it.
  using Place = std::pair<std::string, std::string>;
  static Place place_of(const Json& session);

  std::size_t limit_;
  std::vector<Json> sessions_;
  /// Of what is older an instance has more than it told, so that nothing older can be shown yet.
  std::optional<Place> end_;
  std::vector<std::string> problems_;
  std::optional<Error> refusal_;
};

}  // namespace voicectl
