// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "provisioner/edge/template_engine.h"

namespace voicectl {

/// Where something stands in a template's text; both count from 1.
struct TemplatePlace {
  std::shared_ptr<const std::string> name;
  std::size_t line = 1;
  std::size_t column = 1;
  /// "name:line:column".
  std::string str() const;
};

enum class TemplateFilter { kRawWord, kLower, kUpper, kJoin, kJson };

/// `path.to.value`, as its parts.
using TemplatePath = std::vector<std::string>;

/// `path`, `not path`, `path == "text"`, `not path == "text"`.
struct TemplateCondition {
  TemplatePath path;
  std::optional<std::string> equals;
  enum class Sense { kPlain, kNegated } sense = Sense::kPlain;
  TemplatePlace place;
};

struct TemplateNode {
  enum class Kind { kText, kValue, kLoop, kChoice };
  struct Branch {
    /// Absent in `else`.
    std::optional<TemplateCondition> condition;
    std::vector<TemplateNode> body;
  };

  Kind kind = Kind::kText;
  TemplatePlace place;
  std::string text;                     ///< kText
  TemplatePath path;                    ///< kValue, kLoop
  std::vector<TemplateFilter> filters;  ///< kValue
  std::string variable;                 ///< kLoop
  std::vector<TemplateNode> body;       ///< kLoop
  std::vector<Branch> branches;         ///< kChoice
};

/// ERRORS: as Template::parse.
Result<std::vector<TemplateNode>> parse_template(const std::string& name,
                                                 std::string_view text,
                                                 const TemplateLoader& load);

/// "cannot use the template: <place>: <what>".
Error template_error(const TemplatePlace& place, const std::string& what);

}  // namespace voicectl
