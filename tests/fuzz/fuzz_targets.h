// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace voicectl::fuzz {

/// Each takes any bytes and ends the process if a property of its parser does not hold. Called by
/// libFuzzer for as long as wanted, and in every test run with the corpus and mutations of it.
void http_request(std::string_view bytes);
void websocket(std::string_view bytes);
void json_body(std::string_view bytes);
void signature(std::string_view bytes);
void handoff(std::string_view bytes);

}  // namespace voicectl::fuzz
