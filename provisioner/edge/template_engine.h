// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace voicectl {

/// How values are written into the text. What a format cannot carry is refused, never mangled.
enum class TemplateEscape {
  kSystemd,  ///< unit files: one line, `%` doubled, quoted where needed
  kYaml,     ///< a double-quoted scalar
  kIni,      ///< one line, no leading or trailing blank, no `;`, `#`
  kShell,    ///< one word in single quotes
  kPlain,    ///< one line as it is
};

/// The way of writing that the name of the target calls for: ".service" and its kin, ".yaml",
/// ".yml", ".ini", ".conf", ".sh"; kPlain for others. ".tmpl" at the end is ignored.
TemplateEscape escape_for(std::string_view file_name);

/// Finds the text of an included template by its name; nullopt if there is none.
using TemplateLoader = std::function<Result<std::optional<std::string>>(const std::string& name)>;

/// A text with places to fill in. Values are inserted once and never read as template text.
///
///   {{ path.to.value }}  {{ path | filter }}     filters: raw_word, lower, upper, join, json
///   {% for x in path %} ... {% endfor %}         loop.index, loop.first, loop.last
///   {% if path %} {% elif not path %} {% else %} {% endif %}    also: path == "text"
///   {% include "other.tmpl" %}   {# comment #}
///   {% raw %} ... {% endraw %}   as it is, for targets that have tags in braces of their own
///
/// A tag that stands alone on its line takes the line with it.
class Template {
 public:
  /// `name` stands in messages and picks the way of writing.
  /// ERRORS: kInvalidArgument with "name:line:column" for text that is no template; kNotFound for
  /// an include that does not exist; kResourceExhausted over 8 levels of includes or blocks.
  static Result<Template> parse(std::string name,
                                std::string_view text,
                                const TemplateLoader& load);

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  /// ERRORS: kInvalidArgument with "name:line:column" for a value that is missing, null,
  /// of a kind that cannot be printed, or holds what the format cannot carry;
  /// kResourceExhausted when the text would exceed 4 MiB.
  Result<std::string> render(const Json& values) const;

 private:
  struct Inner;
  explicit Template(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl
