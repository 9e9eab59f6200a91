// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "provisioner/edge/template_nodes.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostLevels = 8;
constexpr std::size_t kMostTemplateBytes = 1U << 20;

enum class TokenKind { kText, kValue, kStatement };

struct Token {
  TokenKind kind = TokenKind::kText;
  std::string text;
  TemplatePlace place;
};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

TemplateNode make_node(TemplateNode::Kind kind, const TemplatePlace& place) {
  TemplateNode node;
  node.kind = kind;
  node.place = place;
  return node;
}

/// Cuts the text into tags and what is between them.
class Lexer {
 public:
  Lexer(const std::string& name, std::string_view text)
      : text_(text), place_{std::make_shared<const std::string>(name), 1, 1} {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (position_ < text_.size()) {
      const std::size_t open = next_tag();
      const bool alone = open < text_.size() && stands_alone(open);
      // The blanks before a tag that has its line for itself go with it.
      const std::size_t end = alone ? line_start(open) : open;
      add_text(tokens, end);
      skip_to(open);
      if (open == text_.size()) {
        break;
      }
      VC_TRY(take_tag(tokens));
      if (alone) {
        skip_to(std::min(text_.find('\n', position_), text_.size() - 1) + 1);
      }
    }
    return tokens;
  }

 private:
  std::size_t next_tag() const {
    std::size_t at = std::max(position_, raw_end_);
    while ((at = text_.find('{', at)) != std::string_view::npos) {
      if (at + 1 < text_.size() &&
          std::string_view("{%#").find(text_[at + 1]) != std::string_view::npos) {
        return at;
      }
      ++at;
    }
    return text_.size();
  }

  static std::string_view closing(char kind) {
    return kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
  }

  std::size_t line_start(std::size_t at) const {
    const std::size_t newline = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    return newline == std::string_view::npos ? 0 : newline + 1;
  }

  bool stands_alone(std::size_t open) const {
    if (text_[open + 1] == '{') {
      return false;
    }
    const std::size_t close = text_.find(closing(text_[open + 1]), open + 2);
    if (close == std::string_view::npos) {
      return false;
    }
    const std::size_t line_end = std::min(text_.find('\n', close), text_.size());
    const std::size_t start = std::max(line_start(open), position_);
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    const std::string_view before = text_.substr(start, open - start);
    const std::string_view after = text_.substr(close + 2, line_end - close - 2);
    return start == line_start(open) && std::all_of(before.begin(), before.end(), blank) &&
           std::all_of(after.begin(), after.end(), blank);
  }

  void skip_to(std::size_t end) {
    for (; position_ < end; ++position_) {
      const bool newline = text_[position_] == '\n';
      place_.line += newline ? 1U : 0U;
      place_.column = newline ? 1 : place_.column + 1;
    }
  }

  void add_text(std::vector<Token>& tokens, std::size_t end) {
    if (end > position_) {
      tokens.push_back(
          {TokenKind::kText, std::string(text_.substr(position_, end - position_)), place_});
      skip_to(end);
    }
  }

  Status take_tag(std::vector<Token>& tokens) {
    const char kind = text_[position_ + 1];
    const std::size_t close = text_.find(closing(kind), position_ + 2);
    if (close == std::string_view::npos) {
      return template_error(place_, "a tag has no end");
    }
    const bool is_raw = text_.substr(position_, close + 2 - position_) == kRaw;
    if (is_raw) {
      raw_end_ = text_.find(kEndRaw, close + 2);
      if (raw_end_ == std::string_view::npos) {
        return template_error(place_, "a block has no 'endraw'");
      }
    } else if (kind != '#' && (position_ != raw_end_ || position_ == 0)) {
      tokens.push_back({kind == '{' ? TokenKind::kValue : TokenKind::kStatement,
                        std::string(text_.substr(position_ + 2, close - position_ - 2)), place_});
    }
    skip_to(close + 2);
    return ok_status();
  }

  static constexpr std::string_view kRaw = "{% raw %}";
  static constexpr std::string_view kEndRaw = "{% endraw %}";

  std::string_view text_;
  std::size_t position_ = 0;
  /// Up to there everything is text.
  std::size_t raw_end_ = 0;
  TemplatePlace place_;
};

/// Splits a tag into words, "texts" in quotes, and the signs | and ==.
Result<std::vector<std::string>> split_tag(const Token& token) {
  std::vector<std::string> words;
  std::string_view rest = token.text;
  while (!rest.empty()) {
    std::size_t length = 1;
    if (rest.front() == '"') {
      const std::size_t close = rest.find('"', 1);
      if (close == std::string_view::npos) {
        return template_error(token.place, "a quote has no end");
      }
      length = close + 1;
    } else if (rest.starts_with("==")) {
      length = 2;
    } else if (is_name_character(rest.front())) {
      const auto end = std::find_if(rest.begin(), rest.end(),
                                    [](char c) { return !is_name_character(c) && c != '.'; });
      length = static_cast<std::size_t>(end - rest.begin());
    } else if (std::isspace(static_cast<unsigned char>(rest.front())) == 0 && rest.front() != '|') {
      return template_error(token.place, "unexpected '" + std::string(1, rest.front()) + "'");
    }
    if (std::isspace(static_cast<unsigned char>(rest.front())) == 0) {
      words.emplace_back(rest.substr(0, length));
    }
    rest.remove_prefix(length);
  }
  return words;
}

/// Builds the nodes from the tokens of one file.
class Parser {
 public:
  Parser(std::vector<Token> tokens, const TemplateLoader& load, std::size_t level)
      : tokens_(std::move(tokens)), load_(load), level_(level) {}

  Result<std::vector<TemplateNode>> run() {
    VC_TRY(std::vector<TemplateNode> nodes, parse_until({}));
    return nodes;
  }

 private:
  using Words = std::vector<std::string>;

  /// Parses up to a statement that begins with one of `ends`, which becomes `end_`; without
  /// `ends` up to the end of the text.
  Result<std::vector<TemplateNode>> parse_until(const std::vector<std::string_view>& ends) {
    std::vector<TemplateNode> nodes;
    while (next_ < tokens_.size()) {
      const Token& token = tokens_[next_++];
      if (token.kind == TokenKind::kText) {
        nodes.push_back(make_node(TemplateNode::Kind::kText, token.place));
        nodes.back().text = token.text;
        continue;
      }
      VC_TRY(Words words, split_tag(token));
      if (token.kind == TokenKind::kValue) {
        VC_TRY(TemplateNode value, parse_value(token, words));
        nodes.push_back(std::move(value));
        continue;
      }
      if (!words.empty() && std::find(ends.begin(), ends.end(), words.front()) != ends.end()) {
        end_ = std::move(words);
        end_place_ = token.place;
        return nodes;
      }
      VC_TRY(parse_statement(token, words, nodes));
    }
    if (!ends.empty()) {
      return template_error(tokens_.back().place,
                            "a block has no '" + std::string(ends.back()) + "'");
    }
    return nodes;
  }

  Result<TemplatePath> parse_path(const TemplatePlace& place, const std::string& word) {
    TemplatePath path;
    std::string_view rest = word;
    while (true) {
      const std::size_t dot = std::min(rest.find('.'), rest.size());
      path.emplace_back(rest.substr(0, dot));
      if (path.back().empty() ||
          !std::all_of(path.back().begin(), path.back().end(), is_name_character)) {
        return template_error(place, "'" + word + "' is no name of a value");
      }
      if (dot == rest.size()) {
        return path;
      }
      rest.remove_prefix(dot + 1);
    }
  }

  Result<TemplateNode> parse_value(const Token& token, const Words& words) {
    struct Known {
      std::string_view name;
      TemplateFilter filter;
    };
    static constexpr std::array<Known, 5> kFilters = {{{"raw_word", TemplateFilter::kRawWord},
                                                       {"lower", TemplateFilter::kLower},
                                                       {"upper", TemplateFilter::kUpper},
                                                       {"join", TemplateFilter::kJoin},
                                                       {"json", TemplateFilter::kJson}}};
    if (words.empty()) {
      return template_error(token.place, "a tag names no value");
    }
    TemplateNode node = make_node(TemplateNode::Kind::kValue, token.place);
    VC_TRY(node.path, parse_path(token.place, words.front()));
    for (std::size_t i = 1; i < words.size(); i += 2) {
      const std::string& name = i + 1 < words.size() ? words[i + 1] : words[i];
      const auto* known = std::find_if(kFilters.begin(), kFilters.end(),
                                       [&](const Known& one) { return one.name == name; });
      if (words[i] != "|" || known == kFilters.end()) {
        return template_error(token.place, "'" + name + "' is no filter");
      }
      node.filters.push_back(known->filter);
    }
    return node;
  }

  Status parse_statement(const Token& token, const Words& words, std::vector<TemplateNode>& nodes) {
    if (level_ >= kMostLevels) {
      return Error(
          ErrorCode::kResourceExhausted,
          template_error(token.place, "blocks and includes are nested too deeply").message());
    }
    ++level_;
    const std::string first = words.empty() ? "" : words.front();
    Status parsed = first == "for"  ? parse_loop(token, words, nodes)
                    : first == "if" ? parse_choice(token, words, nodes)
                    : first == "include"
                        ? parse_include(token, words, nodes)
                        : template_error(token.place, "unexpected '" + first + "'");
    --level_;
    return parsed;
  }

  Status parse_loop(const Token& token, const Words& words, std::vector<TemplateNode>& nodes) {
    const bool fits = words.size() == 4 && words[2] == "in" &&
                      words[1].find('.') == std::string::npos && words[1] != "loop";
    if (!fits) {
      return template_error(token.place, "a loop reads: for name in path");
    }
    TemplateNode node = make_node(TemplateNode::Kind::kLoop, token.place);
    node.variable = words[1];
    VC_TRY(node.path, parse_path(token.place, words[3]));
    VC_TRY(node.body, parse_until({"endfor"}));
    nodes.push_back(std::move(node));
    return ok_status();
  }

  Result<TemplateCondition> parse_condition(const TemplatePlace& place, Words words) {
    TemplateCondition condition;
    condition.place = place;
    words.erase(words.begin());
    if (!words.empty() && words.front() == "not") {
      condition.sense = TemplateCondition::Sense::kNegated;
      words.erase(words.begin());
    }
    const bool compares = words.size() == 3 && words[1] == "==" && words[2].front() == '"';
    if (words.size() != 1 && !compares) {
      return template_error(place, "a condition reads: [not] path [== \"text\"]");
    }
    if (compares) {
      condition.equals = words[2].substr(1, words[2].size() - 2);
    }
    VC_TRY(condition.path, parse_path(place, words.front()));
    return condition;
  }

  Status parse_choice(const Token& token, Words words, std::vector<TemplateNode>& nodes) {
    TemplateNode node = make_node(TemplateNode::Kind::kChoice, token.place);
    TemplatePlace place = token.place;
    while (words.front() != "endif") {
      TemplateNode::Branch branch;
      const bool is_last = words.front() == "else";
      if (!is_last) {
        VC_TRY(TemplateCondition condition, parse_condition(place, words));
        branch.condition = std::move(condition);
      }
      VC_TRY(branch.body,
             is_last ? parse_until({"endif"}) : parse_until({"elif", "else", "endif"}));
      node.branches.push_back(std::move(branch));
      words = end_;
      place = end_place_;
    }
    nodes.push_back(std::move(node));
    return ok_status();
  }

  Status parse_include(const Token& token, const Words& words, std::vector<TemplateNode>& nodes);

  std::vector<Token> tokens_;
  const TemplateLoader& load_;
  std::size_t level_;
  std::size_t next_ = 0;
  Words end_;
  TemplatePlace end_place_;
};

Result<std::vector<TemplateNode>> parse_file(const std::string& name,
                                             std::string_view text,
                                             const TemplateLoader& load,
                                             std::size_t level) {
  if (text.size() > kMostTemplateBytes) {
    return Error(ErrorCode::kResourceExhausted,
                 "cannot use the template '" + name + "': it is longer than 1 MiB");
  }
  VC_TRY(std::vector<Token> tokens, Lexer(name, text).run());
  return Parser(std::move(tokens), load, level).run();
}

Status Parser::parse_include(const Token& token,
                             const Words& words,
                             std::vector<TemplateNode>& nodes) {
  if (words.size() != 2 || words[1].front() != '"') {
    return template_error(token.place, "an include reads: include \"name\"");
  }
  const std::string name = words[1].substr(1, words[1].size() - 2);
  VC_TRY(const std::optional<std::string> text, load_(name));
  if (!text) {
    return Error(ErrorCode::kNotFound,
                 template_error(token.place, "there is no template '" + name + "'").message());
  }
  VC_TRY(std::vector<TemplateNode> inside, parse_file(name, *text, load_, level_));
  nodes.insert(nodes.end(), std::make_move_iterator(inside.begin()),
               std::make_move_iterator(inside.end()));
  return ok_status();
}

}  // namespace

std::string TemplatePlace::str() const {
  return *name + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Error template_error(const TemplatePlace& place, const std::string& what) {
  return Error(ErrorCode::kInvalidArgument,
               "cannot use the template: " + place.str() + ": " + what);
}

Result<std::vector<TemplateNode>> parse_template(const std::string& name,
                                                 std::string_view text,
                                                 const TemplateLoader& load) {
  return parse_file(name, text, load, 0);
}

}  // namespace voicectl
