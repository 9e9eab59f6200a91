// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/sqlite.h"

namespace voicectl {

/// The registry's schema, step by step. A step that was released is never edited: what is wrong
/// with it is mended by the next one.
std::span<const SqliteMigration> registry_migrations();

}  // namespace voicectl
