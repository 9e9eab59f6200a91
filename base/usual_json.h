// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace voicectl {

/// Appends `text` as a JSON string, as append_json_string does, if it is ASCII without rare control
/// characters; else nothing, and false.
bool append_usual_json_string(std::string& out, std::string_view text);

}  // namespace voicectl
