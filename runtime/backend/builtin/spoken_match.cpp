// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/spoken_match.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include "runtime/backend/builtin/sound_key.h"

namespace voicectl::runtime {
namespace {

/// Longest text that is compared letter by letter; speech is shorter, and the cost is quadratic.
constexpr std::size_t kMaxCompared = 80;
constexpr std::size_t kMaxOffers = 3;

struct Folded {
  std::string name;
  std::vector<std::string> keywords;
};

/// Shortest name whose sound says enough: "coke" and "cake" are one sound and two things.
constexpr std::size_t kMinHeard = 6;
/// Most words of one name or keyword that are listened for within what was said.
constexpr std::size_t kMaxWindow = 4;

void fold_plural(std::string& word) {
  const std::size_t size = word.size();
  if (size > 3 && word.back() == 's' && word[size - 2] != 's') {
    word.pop_back();
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

/// How many letters may be wrong: none in short words, which are too close to each other.
std::size_t tolerance(std::size_t length) {
  return length < 5 ? 0 : length < 9 ? 1 : 2;
}

bool holds_words(std::string_view text, std::string_view words) {
  return !words.empty() &&
         (" " + std::string(text) + " ").find(" " + std::string(words) + " ") != std::string::npos;
}

/// The one thing with the best (highest, above zero) score; none if several share it.
template <typename Score>
std::optional<std::size_t> best_of(const std::vector<Folded>& things, const Score& score) {
  std::optional<std::size_t> best;
  std::size_t highest = 0;
  for (std::size_t i = 0; i < things.size(); ++i) {
    const std::size_t points = score(things[i]);
    if (points > highest) {
      best = i;
      highest = points;
    } else if (points == highest) {
      best.reset();
    }
  }
  return best;
}

std::size_t named_points(const std::string& spoken, const Folded& thing) {
  return thing.name == spoken ? 1 : 0;
}

std::size_t keyword_points(const std::string& spoken, const Folded& thing) {
  const auto& words = thing.keywords;
  return std::find(words.begin(), words.end(), spoken) != words.end() ? 1 : 0;
}

std::size_t contained_length(const std::string& spoken, const Folded& thing) {
  std::size_t longest = holds_words(spoken, thing.name) ? thing.name.size() : 0;
  for (const std::string& keyword : thing.keywords) {
    if (holds_words(spoken, keyword)) {
      longest = std::max(longest, keyword.size());
    }
  }
  return longest;
}

std::size_t distance(const std::string& spoken, const Folded& thing) {
  std::size_t least = edit_distance(spoken, thing.name);
  for (const std::string& keyword : thing.keywords) {
    least = std::min(least, edit_distance(spoken, keyword));
  }
  return least;
}

std::size_t near_miss_points(const std::string& spoken, const Folded& thing) {
  const std::size_t wrong = distance(spoken, thing);
  return wrong <= tolerance(spoken.size()) ? 10 - wrong : 0;
}

/// The sounds of all runs of one to kMaxWindow words.
std::vector<std::string> sounds_within(const std::string& spoken) {
  std::vector<std::size_t> starts = {0};
  for (std::size_t at = spoken.find(' '); at != std::string::npos; at = spoken.find(' ', at + 1)) {
    starts.push_back(at + 1);
  }
  std::vector<std::string> sounds;
  for (std::size_t first = 0; first < starts.size(); ++first) {
    for (std::size_t last = first; last < std::min(first + kMaxWindow, starts.size()); ++last) {
      const std::size_t end = last + 1 < starts.size() ? starts[last + 1] : spoken.size() + 1;
      sounds.push_back(sound_key(spoken.substr(starts[first], end - starts[first] - 1)));
    }
  }
  return sounds;
}

/// Length of the longest name or keyword that sounds like a part of what was said.
std::size_t heard_length(const std::vector<std::string>& heard, const Folded& thing) {
  std::size_t longest = 0;
  const auto listen_for = [&](const std::string& text) {
    const std::string sound = text.size() < kMinHeard ? "" : sound_key(text);
    if (std::find(heard.begin(), heard.end(), sound) != heard.end()) {
      longest = std::max(longest, sound.size());
    }
  };
  listen_for(thing.name);
  std::for_each(thing.keywords.begin(), thing.keywords.end(), listen_for);
  return longest;
}

std::size_t shared_words(const std::string& spoken, const Folded& thing) {
  std::size_t shared = 0;
  std::size_t at = 0;
  while (at < spoken.size()) {
    const std::size_t end = std::min(spoken.find(' ', at), spoken.size());
    const std::string word = spoken.substr(at, end - at);
    shared += word.size() > 2 && contained_length(thing.name, {word, {}}) > 0 ? 1 : 0;
    at = end + 1;
  }
  return shared;
}

std::vector<std::string> offers(const std::string& spoken,
                                const std::vector<Sayable>& things,
                                const std::vector<Folded>& folded) {
  std::vector<std::size_t> order(things.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::pair<std::size_t, std::size_t>> rank;
  for (const Folded& thing : folded) {
    rank.emplace_back(1000 - shared_words(spoken, thing), distance(spoken, thing));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&rank](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < order.size() && i < kMaxOffers; ++i) {
    names.push_back(things[order[i]].name);
  }
  return names;
}

std::vector<Folded> fold_all(const std::vector<Sayable>& things) {
  std::vector<Folded> folded;
  folded.reserve(things.size());
  for (const Sayable& thing : things) {
    Folded& one = folded.emplace_back(Folded{fold_spoken(thing.name), {}});
    for (const std::string& keyword : thing.keywords) {
      one.keywords.push_back(fold_spoken(keyword));
    }
  }
  return folded;
}

/// As `match_spoken` decides. Each way is tried only after those before it: most callers say a name
/// as it is, and listening costs more than all the others.
std::optional<std::size_t> meant(const std::string& spoken, const std::vector<Folded>& folded) {
  for (const auto points : {named_points, keyword_points, contained_length, near_miss_points}) {
    const auto best = best_of(folded, [&](const Folded& thing) { return points(spoken, thing); });
    if (best) {
      return best;
    }
  }
  const std::vector<std::string> heard = sounds_within(spoken);
  return best_of(folded, [&](const Folded& thing) { return heard_length(heard, thing); });
}

}  // namespace

std::string fold_spoken(std::string_view text) {
  std::string out;
  std::string word;
  const auto end_word = [&out, &word] {
    if (!word.empty()) {
      fold_plural(word);
      out += (out.empty() ? "" : " ") + word;
      word.clear();
    }
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80) {
      word += static_cast<char>(std::tolower(byte));
    } else if (c != '\'') {
      end_word();
    }
  }
  end_word();
  return out;
}

SpokenMatch match_spoken(std::string_view said, const std::vector<Sayable>& things) {
  const std::string spoken = fold_spoken(said.substr(0, kMaxCompared));
  const std::vector<Folded> folded = fold_all(things);
  if (const auto found = spoken.empty() ? std::nullopt : meant(spoken, folded)) {
    return {found, {}};
  }
  return {std::nullopt, offers(spoken, things, folded)};
}

std::string join_choices(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) {
      out += i + 1 == names.size() ? " or " : ", ";
    }
    out += names[i];
  }
  return out;
}

}  // namespace voicectl::runtime
