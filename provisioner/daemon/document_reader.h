// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "provisioner/model/desired_state.h"
#include "provisioner/model/field_owners.h"

namespace voicectl {

/// Reads the documents that requests carry, checked again: what the CLI has validated is still from
/// outside.
///
/// The last one that was good is kept with its digest: a plan, the apply after it, and the plan of
/// the next run of a pipeline carry the same text, and reading a thousand tenants takes longer than
/// planning for them.
///
/// THREADS: loop thread only.
class DocumentReader {
 public:
  /// The longest text that is taken.
  static constexpr std::size_t kMostBytes = 64U << 20;

  struct Document {
    DesiredState state;
    /// Fields that it names.
    FieldNames named;
  };
  using DocumentRef = std::shared_ptr<const Document>;

  /// `owner` says whose document it is: a file's must fit together in ways that a command, which
  /// has edited what there was, cannot answer for.
  /// ERRORS: kInvalidArgument with the first problem.
  Result<DocumentRef> read(const std::string& document, FieldOwner owner);

 private:
  std::string digest_;
  FieldOwner owner_ = FieldOwner::kFile;
  DocumentRef last_;
};

}  // namespace voicectl
