// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Opens the registry at `path`, or makes it; takes `<path>.lock` for as long as it lives, and
/// begins a new epoch.
///
/// The file is checked before it is trusted: an empty registry that once had records would make a
/// daemon end every instance as a stranger.
/// ERRORS: kConflict if another process has it, or if a newer program wrote it; kCorrupt if the
/// file is damaged, empty, or only its write-ahead log is there; kPermissionDenied;
/// kResourceExhausted if the disk is full.
Result<std::unique_ptr<Registry>> open_sqlite_registry(const std::string& path);

}  // namespace voicectl
