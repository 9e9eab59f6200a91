// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/os/file_system.h"
#include "base/result.h"

namespace voicectl {

/// Makes a folder whose content is trusted, or takes one that is there: a folder and no link, of
/// this user (or root), in which nobody else may have written. Who made another one could have put
/// anything there. One that is there keeps its mode: another program may be at work in it.
/// ERRORS: kPermissionDenied for any other; those of FileSystem::make_directory.
Status claim_directory(FileSystem& files, const std::string& path, FileMode mode);

}  // namespace voicectl
