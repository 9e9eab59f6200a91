// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "cli/console.h"
#include "cli/output.h"

namespace voicectl {

/// Shows a key that was just made. As a table the key alone goes to standard output, so that it can
/// be piped into a file and is in no log.
void print_new_key(Console& console, const Json& key, OutputFormat format);

}  // namespace voicectl
