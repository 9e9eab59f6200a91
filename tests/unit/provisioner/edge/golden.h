// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace voicectl {

/// Text of a file of the repository.
std::string read_source_file(const std::string& path);

/// Compares `text` with the golden file tests/golden/<name>. Run the test with --update-golden to
/// write it anew, and review the difference as prose.
void expect_golden(const std::string& name, const std::string& text);

}  // namespace voicectl
