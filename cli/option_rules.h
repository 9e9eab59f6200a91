// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace voicectl {

/// What is wrong with a value, or nothing: a check for an option.
using ValueCheck = std::function<std::string(const std::string& text)>;

/// More than anything that is counted; a larger number would not fit where it goes.
inline constexpr std::uint64_t kMostOfAnything = 999'999'999'999'999'999;

/// A whole number in decimal digits, without a zero before others (which CLI11 takes as octal).
ValueCheck whole_number(std::uint64_t least, std::uint64_t most = kMostOfAnything);

/// A number that may have a fraction.
ValueCheck number_between(double least, double most);

/// One of these words; says which was meant.
ValueCheck one_of(std::vector<std::string> allowed);

/// Rules for every option of `app`, once all are declared: one that takes a whole number gets the
/// type N and a check, without which CLI11 reads -1 as the largest of all numbers; one that takes a
/// tenant, an instance and the like takes "tenant/mario-pizza" too, as -o name prints it.
/// REQUIRES: none of them has given itself the type N.
void complete_options(CLI::App& app);

/// The first option of `app` that was given an empty value: "--out" or "TENANT".
std::optional<std::string> find_empty_value(const CLI::App& app);

/// What CLI11 found wrong with a command line, in words of ours.
std::string words_of(const CLI::ParseError& problem);

}  // namespace voicectl
