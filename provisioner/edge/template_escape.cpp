// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/template_escape.h"

#include <algorithm>
#include <array>

namespace voicectl {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool contains_any(std::string_view text, std::string_view set) {
  return text.find_first_of(set) != std::string_view::npos;
}

/// Length in bytes of the UTF-8 character at the start of `text`; 0 if there is none. Overlong
/// forms and surrogates are none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool no_character =
      (first == 0xED && byte(1) >= 0xA0) || (first == 0xF4 && byte(1) >= 0x90);
  return overlong || no_character ? 0 : length;
}

Status check_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      return Error(ErrorCode::kInvalidArgument, "cannot write a value that is not UTF-8");
    }
    const auto first = static_cast<unsigned char>(text.front());
    // The second half: U+0080 to U+009F, which YAML and terminals take for control characters too.
    const bool is_control = first < 0x20 || first == 0x7F ||
                            (first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (is_control) {
      return Error(ErrorCode::kInvalidArgument, "cannot write a value with a control character");
    }
    text.remove_prefix(length);
  }
  return ok_status();
}

Error has_no_way(std::string_view format, std::string_view what) {
  return Error(ErrorCode::kInvalidArgument, "cannot write a value with " + std::string(what) +
                                                " into a file of kind " + std::string(format));
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

Result<std::string> for_systemd(std::string_view text) {
  // In some settings $ begins a variable and in others it does not: no way to write it is right in
  // both.
  if (contains_any(text, "$")) {
    return has_no_way("systemd", "$");
  }
  std::string doubled;
  for (const char c : text) {
    doubled.append(c == '%' ? 2U : 1U, c);
  }
  return text.empty() || contains_any(text, " \"'\\;#") ? in_quotes(doubled) : doubled;
}

Result<std::string> for_ini(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.front() == '[' ||
      contains_any(text, ";#\"'\\")) {
    return has_no_way("ini", "; # quotes, a backslash, an outer blank, or nothing at all");
  }
  return std::string(text);
}

std::string for_shell(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

}  // namespace

Result<std::string> escape_value(TemplateEscape escape, std::string_view text) {
  VC_TRY(check_text(text));
  switch (escape) {
    case TemplateEscape::kSystemd:
      return for_systemd(text);
    case TemplateEscape::kYaml:
      return in_quotes(text);
    case TemplateEscape::kIni:
      return for_ini(text);
    case TemplateEscape::kShell:
      return for_shell(text);
    case TemplateEscape::kPlain:
      return std::string(text);
  }
  return Error(ErrorCode::kInternal, "cannot write a value in an unknown way");
}

Result<std::string> checked_word(std::string_view text) {
  static constexpr std::string_view kSigns = "._:/@+=,-";
  const bool is_word = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || kSigns.find(c) != std::string_view::npos;
  });
  if (!is_word) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot write a value as a bare word: letters, digits and ._:/@+=,- are allowed");
  }
  return std::string(text);
}

TemplateEscape escape_for(std::string_view file_name) {
  static constexpr std::string_view kTemplate = ".tmpl";
  struct Ending {
    std::string_view text;
    TemplateEscape escape;
  };
  static constexpr std::array<Ending, 11> kEndings = {{{".service", TemplateEscape::kSystemd},
                                                       {".socket", TemplateEscape::kSystemd},
                                                       {".timer", TemplateEscape::kSystemd},
                                                       {".path", TemplateEscape::kSystemd},
                                                       {".slice", TemplateEscape::kSystemd},
                                                       {".target", TemplateEscape::kSystemd},
                                                       {".yaml", TemplateEscape::kYaml},
                                                       {".yml", TemplateEscape::kYaml},
                                                       {".ini", TemplateEscape::kIni},
                                                       {".conf", TemplateEscape::kIni},
                                                       {".sh", TemplateEscape::kShell}}};
  if (file_name.ends_with(kTemplate)) {
    file_name.remove_suffix(kTemplate.size());
  }
  for (const Ending& ending : kEndings) {
    if (file_name.ends_with(ending.text)) {
      return ending.escape;
    }
  }
  return TemplateEscape::kPlain;
}

}  // namespace voicectl
