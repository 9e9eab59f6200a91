// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "provisioner/model/document_tree.h"
#include "provisioner/model/text_rules.h"

namespace voicectl {
namespace {

Place place_of(const YAML::Mark& mark) {
  return Place{mark.line + 1, mark.column + 1};
}

/// Builds trees from the parser's events. The parser's own nodes keep the first of two equal keys
/// and expand aliases without limit, so they are not used.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, const YamlBudget& budget)
      : file_(source.name), text_(source.text), budget_(budget) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (document_start_ == mark.pos) {
      stop(mark, "found a character that cannot stand here, such as a bracket nobody opened");
    }
    document_start_ = mark.pos;
    anchors_.clear();
    stack_.clear();
    root_.reset();
  }

  void OnDocumentEnd() override {
    if (!stopped_ && root_ && root_->kind != TreeNode::Kind::kNothing) {
      read_.documents.push_back(root_);
    }
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (enter(mark, "")) {
      put(make_node(TreeNode::Kind::kNothing, mark), anchor);
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!enter(mark, "")) {
      return;
    }
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      stop(mark, "found an alias to something that contains it");
      return;
    }
    put(found->second, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    if (!enter(mark, tag)) {
      return;
    }
    const bool quoted = tag == "!";
    if (awaits_key()) {
      open_entry(value, quoted, mark);
      return;
    }
    auto node = make_node(quoted ? TreeNode::Kind::kQuoted : TreeNode::Kind::kPlain, mark);
    node->text = value;
    put(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(TreeNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(TreeNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

  /// Something that the parser itself refused.
  void refuse(const YAML::Mark& mark, std::string message, std::string suggestion) {
    const Place place = mark.is_null() ? Place{} : within_text(place_of(mark));
    read_.problems.push_back(
        {file_, place.line, place.column, "", std::move(message), std::move(suggestion)});
  }

  /// Nothing more is taken from the text. The parser leaves a token that it cannot use where it is
  /// and would go on making empty documents of it for ever.
  bool is_stopped() const { return stopped_; }
  int last_line() const { return last_line_; }
  ReadDocuments take() { return std::move(read_); }

 private:
  /// A list or map whose end has not come yet.
  struct OpenNode {
    std::shared_ptr<TreeNode> node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    /// Map: the key whose value comes next, and whether that value is to be kept.
    std::optional<std::pair<std::string, Place>> key;
    bool keep = true;
    std::unordered_set<std::string> keys;
  };

  std::shared_ptr<TreeNode> make_node(TreeNode::Kind kind, const YAML::Mark& mark) {
    auto node = std::make_shared<TreeNode>();
    node->kind = kind;
    node->place = place_of(mark);
    return node;
  }

  std::string path() const {
    std::string out;
    for (const OpenNode& open : stack_) {
      if (open.node->kind == TreeNode::Kind::kList) {
        out = join_path(out, open.node->items.size());
      } else if (open.key) {
        out = join_path(out, open.key->first);
      }
    }
    return out;
  }

  /// What the parser misses at the end of the text is missed behind its last character: it sees
  /// lines there that the file has not.
  Place within_text(Place place) const {
    const std::string_view text = text_.ends_with('\n') ? text_.substr(0, text_.size() - 1) : text_;
    const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
    if (place.line <= lines) {
      return place;
    }
    const std::size_t line_start = text.rfind('\n') + 1;  // npos + 1 is 0
    return Place{lines, static_cast<int>(text.size() - line_start) + 1};
  }

  void report(Place place, std::string message, std::string suggestion) {
    read_.problems.push_back(
        {file_, place.line, place.column, path(), std::move(message), std::move(suggestion)});
  }

  /// Over budget or without meaning: what follows is not looked at any more.
  void stop(const YAML::Mark& mark, std::string message) {
    report(within_text(place_of(mark)), std::move(message), "");
    stopped_ = true;
  }

  /// What every event does first. False: leave it.
  bool enter(const YAML::Mark& mark, const std::string& tag) {
    if (stopped_) {
      return false;
    }
    last_line_ = mark.line + 1;
    if (++written_ > budget_.nodes) {
      stop(mark,
           fmt::format("found more than {} values; allowed are {}", budget_.nodes, budget_.nodes));
      return false;
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      report(place_of(mark),
             fmt::format("found the tag '{}'; tags are not allowed", shown_text(tag)),
             "remove it: the key decides the type");
    }
    return true;
  }

  bool awaits_key() const {
    return !stack_.empty() && stack_.back().node->kind == TreeNode::Kind::kMap &&
           !stack_.back().key;
  }

  void open_entry(const std::string& key, bool quoted, const YAML::Mark& mark) {
    OpenNode& map = stack_.back();
    const bool first = map.keys.insert(key).second;
    if (key == "<<" && !quoted) {
      report(place_of(mark), "found the merge key '<<', which is not allowed",
             "write the keys out, or repeat a whole value with an alias");
    }
    map.key.emplace(key, place_of(mark));
    map.keep = first;
    if (!first) {
      const auto earlier = std::find_if(map.node->entries.begin(), map.node->entries.end(),
                                        [&](const TreeEntry& entry) { return entry.key == key; });
      report(place_of(mark),
             earlier == map.node->entries.end()
                 ? "found this key twice"
                 : fmt::format("found this key a second time; the first is in line {}",
                               earlier->place.line),
             "keep one of them");
    }
  }

  void begin(TreeNode::Kind kind,
             const YAML::Mark& mark,
             const std::string& tag,
             YAML::anchor_t anchor) {
    if (!enter(mark, tag)) {
      return;
    }
    if (stack_.size() >= budget_.depth) {
      stop(mark, fmt::format("found values nested deeper than {} levels", budget_.depth));
      return;
    }
    if (awaits_key()) {
      report(place_of(mark), "found a list or map as a key; allowed is text", "");
      stack_.back().key.emplace("?", place_of(mark));
      stack_.back().keep = false;
      in_key_ = stack_.size();
    }
    OpenNode open;
    open.node = make_node(kind, mark);
    open.anchor = anchor;
    stack_.push_back(std::move(open));
  }

  void end() {
    if (stopped_) {
      return;
    }
    OpenNode done = std::move(stack_.back());
    stack_.pop_back();
    if (in_key_ && *in_key_ == stack_.size()) {
      in_key_.reset();  // it was a key: its value comes next
      return;
    }
    put(std::move(done.node), done.anchor);
  }

  void put(TreeRef value, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      anchors_[anchor] = value;
    }
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    OpenNode& parent = stack_.back();
    parent.node->weight += value->weight;
    if (parent.node->weight > budget_.nodes) {
      report(value->place,
             fmt::format("found more than {} values when aliases are followed", budget_.nodes), "");
      stopped_ = true;
      return;
    }
    if (parent.node->kind == TreeNode::Kind::kList) {
      parent.node->items.push_back(std::move(value));
    } else if (!parent.key) {
      report(value->place, "found a key that is not text", "write the key's name before the ':'");
      parent.key.emplace("?", value->place);
      parent.keep = false;
    } else {
      if (parent.keep) {
        parent.node->entries.push_back({parent.key->first, parent.key->second, std::move(value)});
      }
      parent.key.reset();
    }
  }

  std::string file_;
  std::string_view text_;
  YamlBudget budget_;
  ReadDocuments read_;
  std::vector<OpenNode> stack_;
  std::map<YAML::anchor_t, TreeRef> anchors_;
  TreeRef root_;
  std::size_t written_ = 0;
  int last_line_ = 1;
  /// Offset at which the document before began.
  std::optional<int> document_start_;
  bool stopped_ = false;
  /// Depth at which a list or map that stands as a key began.
  std::optional<std::size_t> in_key_;
};

void report_syntax(TreeBuilder& builder, const YAML::Exception& problem) {
  // Behind the text stands the marker that ends a document; the parser meets it inside a quoted
  // text only if that text was never closed.
  if (problem.msg == YAML::ErrorMsg::DOC_IN_SCALAR ||
      problem.msg == YAML::ErrorMsg::EOF_IN_SCALAR) {
    builder.refuse(problem.mark,
                   fmt::format("found no end of the quoted text that begins in or after line {}",
                               builder.last_line()),
                   "close it with the quote that opened it");
    return;
  }
  const bool tab =
      problem.msg.find("tab") != std::string::npos || problem.msg == YAML::ErrorMsg::UNKNOWN_TOKEN;
  builder.refuse(
      problem.mark, fmt::format("found no valid YAML: {}", problem.msg),
      tab ? "indent with spaces, and quote values that begin with a special character" : "");
}

/// Whether brackets open much deeper than any budget of depth. The scanner of yaml-cpp keeps every
/// bracket that is open, at 200 times its size, before the first event is told of. Brackets within
/// texts are counted too, which is why the limit is far off.
bool has_bracket_tower(std::string_view text, std::size_t depth) {
  constexpr std::size_t kInTexts = 1000;
  std::size_t open = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') {
      ++open;
    } else if ((c == ']' || c == '}') && open > 0) {
      --open;
    }
    if (open > depth + kInTexts) {
      return true;
    }
  }
  return false;
}

std::optional<Diagnostic> find_unreadable(const SourceText& source, const YamlBudget& budget) {
  if (source.text.size() > budget.bytes) {
    return Diagnostic{
        source.name,
        0,
        0,
        "",
        fmt::format("found {} bytes; allowed are {}", source.text.size(), budget.bytes),
        "spread the tenants over several files"};
  }
  if (has_bracket_tower(source.text, budget.depth)) {
    return Diagnostic{source.name,
                      0,
                      0,
                      "",
                      fmt::format("found brackets nested deeper than {} levels", budget.depth),
                      ""};
  }
  const std::optional<std::size_t> bad = find_unprintable(source.text, Lines::kMany);
  if (!bad) {
    return std::nullopt;
  }
  const std::string_view before = std::string_view(source.text).substr(0, *bad);
  const auto line = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return Diagnostic{source.name,
                    static_cast<int>(line) + 1,
                    static_cast<int>(*bad - line_start) + 1,
                    "",
                    "found a control character or bytes that are not UTF-8",
                    "save the file as UTF-8 text"};
}

}  // namespace

ReadDocuments read_yaml_documents(const SourceText& source, const YamlBudget& budget) {
  if (std::optional<Diagnostic> unreadable = find_unreadable(source, budget)) {
    return ReadDocuments{{}, {std::move(*unreadable)}};
  }
  std::istringstream stream(source.text + "\n...\n");
  TreeBuilder builder(source, budget);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder) && !builder.is_stopped()) {
    }
  } catch (const YAML::Exception& problem) {
    report_syntax(builder, problem);
  } catch (const std::exception& problem) {
    builder.refuse(YAML::Mark::null_mark(), fmt::format("found no valid YAML: {}", problem.what()),
                   "");
  }
  return builder.take();
}

}  // namespace voicectl
