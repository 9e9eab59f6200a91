// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/template_engine.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "provisioner/edge/template_escape.h"
#include "provisioner/edge/template_nodes.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostOutputBytes = 4U << 20;

/// One run over the nodes.
class Renderer {
 public:
  Renderer(TemplateEscape escape, const Json& values) : escape_(escape), values_(values) {}

  Status render(const std::vector<TemplateNode>& nodes) {
    for (const TemplateNode& node : nodes) {
      VC_TRY(render(node));
      if (out_.size() > kMostOutputBytes) {
        return Error(ErrorCode::kResourceExhausted,
                     template_error(node.place, "the text would exceed 4 MiB").message());
      }
    }
    return ok_status();
  }

  std::string take() { return std::move(out_); }

 private:
  Status render(const TemplateNode& node) {
    switch (node.kind) {
      case TemplateNode::Kind::kText:
        out_ += node.text;
        return ok_status();
      case TemplateNode::Kind::kValue:
        return render_value(node);
      case TemplateNode::Kind::kLoop:
        return render_loop(node);
      case TemplateNode::Kind::kChoice:
        return render_choice(node);
    }
    return ok_status();
  }

  /// The value, or null if it is undefined. Nearest loop first.
  const Json* find(const TemplatePath& path) const {
    const auto scope = std::find_if(scopes_.rbegin(), scopes_.rend(),
                                    [&](const Scope& one) { return one.name == path.front(); });
    const Json* value = scope != scopes_.rend() ? scope->value : member(values_, path.front());
    for (std::size_t i = 1; value != nullptr && i < path.size(); ++i) {
      value = member(*value, path[i]);
    }
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  static const Json* member(const Json& object, const std::string& key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? nullptr : &*found;
  }

  static Error undefined(const TemplatePlace& place, const TemplatePath& path) {
    std::string name;
    for (const std::string& part : path) {
      name += (name.empty() ? "" : ".") + part;
    }
    return template_error(place, "undefined '" + name + "'");
  }

  Status render_value(const TemplateNode& node) {
    const Json* value = find(node.path);
    if (value == nullptr) {
      return undefined(node.place, node.path);
    }
    Result<std::string> text = written(*value, node.filters);
    if (text.has_error()) {
      return text.error().with_context(node.place.str());
    }
    out_ += *text;
    return ok_status();
  }

  static bool has(const std::vector<TemplateFilter>& filters, TemplateFilter wanted) {
    return std::find(filters.begin(), filters.end(), wanted) != filters.end();
  }

  Result<std::string> written(const Json& value, const std::vector<TemplateFilter>& filters) {
    if (has(filters, TemplateFilter::kJson)) {
      return dump_json(value);
    }
    if (!has(filters, TemplateFilter::kJoin)) {
      return written_scalar(value, filters);
    }
    if (!value.is_array()) {
      return Error(ErrorCode::kInvalidArgument, "cannot join what is no list");
    }
    std::string out;
    for (const Json& item : value) {
      VC_TRY(const std::string text, written_scalar(item, filters));
      out += (out.empty() ? "" : " ") + text;
    }
    return out;
  }

  Result<std::string> written_scalar(const Json& value,
                                     const std::vector<TemplateFilter>& filters) {
    if (value.is_number() || value.is_boolean()) {
      return dump_json(value);
    }
    if (!value.is_string()) {
      return Error(ErrorCode::kInvalidArgument, "cannot write a list or an object as one value");
    }
    std::string text = value.get<std::string>();
    for (const TemplateFilter filter : filters) {
      change_case(filter, text);
    }
    return has(filters, TemplateFilter::kRawWord) ? checked_word(text)
                                                  : escape_value(escape_, text);
  }

  static void change_case(TemplateFilter filter, std::string& text) {
    if (filter != TemplateFilter::kLower && filter != TemplateFilter::kUpper) {
      return;
    }
    std::transform(text.begin(), text.end(), text.begin(), [filter](unsigned char c) {
      return static_cast<char>(filter == TemplateFilter::kLower ? std::tolower(c)
                                                                : std::toupper(c));
    });
  }

  Status render_loop(const TemplateNode& node) {
    const Json* list = find(node.path);
    if (list == nullptr) {
      return undefined(node.place, node.path);
    }
    if (!list->is_array()) {
      return template_error(node.place, "a loop needs a list");
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json loop = {{"index", i + 1}, {"first", i == 0}, {"last", i + 1 == list->size()}};
      scopes_.push_back({"loop", &loop});
      scopes_.push_back({node.variable, &(*list)[i]});
      const Status rendered = render(node.body);
      scopes_.resize(scopes_.size() - 2);
      VC_TRY(Status(rendered));
    }
    return ok_status();
  }

  Status render_choice(const TemplateNode& node) {
    for (const TemplateNode::Branch& branch : node.branches) {
      bool holds = true;
      if (branch.condition) {
        VC_TRY(holds, is_true(*branch.condition));
      }
      if (holds) {
        return render(branch.body);
      }
    }
    return ok_status();
  }

  /// An empty text, an empty list, zero and false are false. What is undefined is an error here
  /// too: a typing error must not look like a choice.
  Result<bool> is_true(const TemplateCondition& condition) const {
    const Json* value = find(condition.path);
    if (value == nullptr) {
      return undefined(condition.place, condition.path);
    }
    bool holds = false;
    if (condition.equals) {
      holds = value->is_string() && value->get_ref<const std::string&>() == *condition.equals;
    } else if (value->is_boolean()) {
      holds = value->get<bool>();
    } else if (value->is_number()) {
      holds = *value != 0;
    } else {
      holds = value->is_string() ? !value->get_ref<const std::string&>().empty() : !value->empty();
    }
    return holds == (condition.sense == TemplateCondition::Sense::kPlain);
  }

  struct Scope {
    std::string name;
    const Json* value;
  };

  TemplateEscape escape_;
  const Json& values_;
  std::vector<Scope> scopes_;
  std::string out_;
};

}  // namespace

struct Template::Inner {
  TemplateEscape escape = TemplateEscape::kPlain;
  std::vector<TemplateNode> nodes;
};

Template::Template(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string name,
                                 std::string_view text,
                                 const TemplateLoader& load) {
  auto inner = std::make_unique<Inner>();
  inner->escape = escape_for(name);
  VC_TRY(inner->nodes, parse_template(name, text, load));
  return Template(std::move(inner));
}

Result<std::string> Template::render(const Json& values) const {
  Renderer renderer(inner_->escape, values);
  VC_TRY(renderer.render(inner_->nodes));
  return renderer.take();
}

}  // namespace voicectl
