// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <streambuf>
#include <string>

#include "cli/exit_code.h"

namespace voicectl {

/// What is written to a descriptor, and whether it got there: the standard streams forget why not.
///
/// OWNS nothing: the descriptor stays open.
class DescriptorBuffer final : public std::streambuf {
 public:
  enum class Sent {
    kWhenFull,
    kAtLineEnds,  ///< somebody looks on
  };
  DescriptorBuffer(int descriptor, Sent sent) : descriptor_(descriptor), sent_(sent) {}
  ~DescriptorBuffer() override;
  DescriptorBuffer(const DescriptorBuffer&) = delete;
  DescriptorBuffer& operator=(const DescriptorBuffer&) = delete;

  /// The errno of the first write that failed, after which nothing is written; 0 for none.
  int problem() const { return problem_; }

 protected:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  int descriptor_;
  Sent sent_;
  std::string pending_;
  int problem_ = 0;
};

/// The code to end with, after an output with that problem: one that says that all went well does
/// not hold where the result was lost, which is said to `err`. Whoever closed a pipe knows.
int code_after_output(ExitCode code, int problem, std::ostream& err);

}  // namespace voicectl
