// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/sound_key.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace voicectl::runtime {
namespace {

/// Any vowel, or several in a row.
constexpr char kVowel = 'a';

/// Spellings and their sound; longer ones first where one begins with the other.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {"sch", "sk"}, {"cch", "k"}, {"tch", "C"}, {"ck", "k"},  {"ch", "k"}, {"ph", "f"},
    {"gh", "g"},   {"gn", "n"},  {"kn", "n"},  {"wr", "r"},  {"sh", "S"}, {"zz", "s"},
    {"ce", "se"},  {"ci", "si"}, {"cy", "sy"}, {"qu", "kw"}, {"x", "ks"}, {"c", "k"},
    {"q", "k"},    {"z", "s"},   {"v", "f"},   {"d", "t"},   {"b", "p"},  {"h", ""}};

bool is_vowel(char c) {
  return std::string_view("aeiouy").find(c) != std::string_view::npos;
}

std::string letters_of(std::string_view folded) {
  std::string out;
  std::copy_if(folded.begin(), folded.end(), std::back_inserter(out),
               [](char c) { return c != ' '; });
  // The last e of a long word is seldom heard.
  if (out.size() > 4 && out.back() == 'e') {
    out.pop_back();
  }
  return out;
}

void put(std::string& key, char sound) {
  const char heard = is_vowel(sound) ? kVowel : sound;
  if (key.empty() || key.back() != heard) {
    key += heard;
  }
}

}  // namespace

std::string sound_key(std::string_view folded) {
  const std::string letters = letters_of(folded);
  std::string key;
  for (std::size_t at = 0; at < letters.size();) {
    const std::string_view rest = std::string_view(letters).substr(at);
    const auto* const spelling =
        std::find_if(std::begin(kSpellings), std::end(kSpellings),
                     [rest](const auto& one) { return rest.starts_with(one.first); });
    if (spelling == std::end(kSpellings)) {
      put(key, rest.front());
      ++at;
      continue;
    }
    for (const char sound : spelling->second) {
      put(key, sound);
    }
    at += spelling->first.size();
  }
  return key;
}

}  // namespace voicectl::runtime
