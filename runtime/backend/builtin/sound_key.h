// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace voicectl::runtime {

/// How a text sounds, roughly: texts that a speech recogniser takes for each other get the same
/// key ("margherita" and "marguerita", "gnocchi" and "nyoki", "cheese cake" and "cheesecake").
/// Vowels only mark where one is, spaces are gone. Made for names of English, Italian, Spanish and
/// German origin; anything that is no ASCII letter or digit stands for itself.
/// REQUIRES: `folded` is lower case, as `fold_spoken` makes it.
std::string sound_key(std::string_view folded);

}  // namespace voicectl::runtime
