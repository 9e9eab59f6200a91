// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

constexpr std::int64_t kMostMinutes = 7L * 24 * 60;
constexpr std::int64_t kMostLeadHours = 365L * 24;
constexpr std::size_t kMostItems = 2000;
constexpr std::size_t kMostKeywords = 50;
constexpr TextRule kName{.least = 1, .most = 140};
constexpr TextRule kArticle{.lines = Lines::kMany, .most = 4000};
constexpr TextRule kDescription{.lines = Lines::kMany, .most = 1000};

/// Every key that a file with a catalogue may have, so that one file can hold several lists.
constexpr std::array<std::string_view, 8> kCatalogueKeys = {
    "menu",  "menu_items",     "services",   "categories", "support_categories",
    "staff", "knowledge_base", "kb_articles"};

std::string read_name(MapReader& map) {
  const std::optional<ValueReader> name = map.require("name", "name: ...");
  return name ? name->text(kName).value_or("") : "";
}

Money read_price(MapReader& map) {
  const std::optional<ValueReader> price = map.require("price", "price: 18.99");
  return price ? price->money().value_or(Money{}) : Money{};
}

std::vector<std::string> read_keywords(MapReader& map) {
  std::vector<std::string> words = map.texts("voice_keywords", {.least = 1, .most = 80});
  if (words.size() > kMostKeywords) {
    map.value().problems().add(map.spot_of("voice_keywords")
                                   .problem(fmt::format("found {} keywords; allowed are {}",
                                                        words.size(), kMostKeywords)));
  }
  return words;
}

MenuItem read_menu_item(const ValueReader& value) {
  MapReader map = value.map();
  MenuItem item;
  item.name = read_name(map);
  item.category = map.text("category", {.most = 140}, item.category);
  item.price = read_price(map);
  item.prep_time = map.number("prep_time", 0, kMostMinutes, item.prep_time);
  item.description = map.text("description", kDescription, item.description);
  item.voice_keywords = read_keywords(map);
  item.customizable = map.flag("customizable", item.customizable);
  map.finish();
  return item;
}

ServiceItem read_service_item(const ValueReader& value) {
  MapReader map = value.map();
  ServiceItem item;
  item.name = read_name(map);
  item.category = map.text("category", {.most = 140}, item.category);
  item.price = read_price(map);
  item.duration = map.number("duration", 1, kMostMinutes, item.duration);
  item.description = map.text("description", kDescription, item.description);
  item.voice_keywords = read_keywords(map);
  item.booking_lead_time_hours =
      map.number("booking_lead_time_hours", 0, kMostLeadHours, item.booking_lead_time_hours);
  map.finish();
  return item;
}

SupportCategory read_support_category(const ValueReader& value) {
  MapReader map = value.map();
  SupportCategory category;
  category.name = read_name(map);
  category.priority = map.choice("priority", category.priority);
  category.resolution_time =
      map.number("resolution_time", 1, kMostMinutes * 52, category.resolution_time);
  category.description = map.text("description", kDescription, category.description);
  category.voice_keywords = read_keywords(map);
  map.finish();
  return category;
}

StaffMember read_staff_member(const ValueReader& value) {
  MapReader map = value.map();
  StaffMember member;
  member.name = read_name(map);
  member.specialty = map.text("specialty", {.most = 140}, member.specialty);
  member.email = map.text("email", {.form = TextForm::kEmail, .most = 254}, member.email);
  member.phone = map.text("phone", {.form = TextForm::kPhone}, member.phone);
  map.finish();
  return member;
}

KnowledgeArticle read_article(const ValueReader& value) {
  MapReader map = value.map();
  KnowledgeArticle article;
  if (const std::optional<ValueReader> title = map.require("title", "title: ...")) {
    article.name = title->text(kName).value_or("");
  }
  article.category = map.text("category", {.most = 140}, article.category);
  article.content = map.text("content", kArticle, article.content);
  map.finish();
  return article;
}

/// Names are what a caller says and a tool call carries, so they may not differ by case alone.
std::string folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

template <typename Item>
std::vector<Item> read_items(const ValueReader& list, Item (*read_item)(const ValueReader&)) {
  std::vector<Item> out;
  const std::vector<ValueReader> values = list.items();
  if (values.size() > kMostItems) {
    list.refuse(fmt::format("found {} entries; allowed are {}", values.size(), kMostItems));
    return out;
  }
  std::map<std::string, int> lines;
  for (const ValueReader& value : values) {
    Item item = read_item(value);
    const auto [earlier, is_new] = lines.emplace(folded(item.name), value.spot().place.line);
    if (!is_new && !item.name.empty()) {
      value.refuse(fmt::format("found the name '{}' a second time; the first is in line {}",
                               shown_text(item.name), earlier->second),
                   "give it another name");
    }
    out.push_back(std::move(item));
  }
  return out;
}

/// The list itself, or the map's member under one of `names`.
std::optional<ValueReader> list_in_file(const ValueReader& document,
                                        const std::vector<std::string_view>& names) {
  if (document.kind() == TreeNode::Kind::kList) {
    return document;
  }
  MapReader map = document.map();
  std::optional<ValueReader> list;
  for (const std::string_view known : kCatalogueKeys) {
    std::optional<ValueReader> member = map.find(known);
    if (member && std::find(names.begin(), names.end(), known) != names.end()) {
      list = std::move(member);
    }
  }
  map.finish();
  if (!list && document.kind() == TreeNode::Kind::kMap) {
    document.refuse(fmt::format("found no key '{}'", names.front()),
                    "name the list so, or let the file be the list alone");
  }
  return list;
}

/// The list under `key`, or in the file under `<key>_file`, never both.
template <typename Item>
std::vector<Item> read_list(MapReader& tenant,
                            IncludedFiles& files,
                            const std::vector<std::string_view>& names,
                            Item (*read_item)(const ValueReader&)) {
  const std::string key(names.front());
  const std::optional<ValueReader> inline_list = tenant.find(key);
  const std::optional<ValueReader> file = tenant.find(key + "_file");
  if (inline_list && file) {
    file->refuse(fmt::format("found both '{}' and '{}_file'", key, key), "keep one of them");
    return {};
  }
  if (inline_list) {
    return read_items(*inline_list, read_item);
  }
  const std::optional<ValueReader> document = file ? files.open(*file) : std::nullopt;
  const std::optional<ValueReader> list = document ? list_in_file(*document, names) : std::nullopt;
  return list ? read_items(*list, read_item) : std::vector<Item>{};
}

}  // namespace

void read_catalogue(MapReader& tenant, IncludedFiles& files, TenantSpec& spec) {
  spec.menu = read_list(tenant, files, {"menu", "menu_items"}, read_menu_item);
  spec.services = read_list(tenant, files, {"services"}, read_service_item);
  spec.support_categories =
      read_list(tenant, files, {"support_categories", "categories"}, read_support_category);
  spec.staff = read_list(tenant, files, {"staff"}, read_staff_member);
  spec.knowledge_base = read_list(tenant, files, {"knowledge_base", "kb_articles"}, read_article);
}

}  // namespace voicectl
