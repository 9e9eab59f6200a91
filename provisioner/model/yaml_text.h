// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/json.h"

namespace voicectl {

/// `value` as block-style YAML that every reader understands alike: a text is quoted unless it can
/// be nothing but text. Keys are sorted, but for the ones that name a thing (apiVersion, slug,
/// name, ...), which come first.
///
/// Ends with a line end. REQUIRES: text is UTF-8.
std::string render_yaml(const Json& value);

}  // namespace voicectl
