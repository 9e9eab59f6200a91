// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>

namespace voicectl {

/// A container whose copies share their elements until one of them is changed: a copy costs a
/// pointer, however many elements there are. Used as the container itself.
///
/// Whatever is not const may change it: to ask one that is not const for an element, or for its
/// beginning, gives it elements of its own. A reference to an element, taken to change it, is good
/// until the next copy.
/// THREADS: copies may be on several threads, one copy is on one.
template <typename Container>
class SharedCopy {
 public:
  using value_type = typename Container::value_type;
  using iterator = typename Container::iterator;
  using const_iterator = typename Container::const_iterator;

  SharedCopy() = default;
  SharedCopy(Container elements)  // as the container itself
      : elements_(std::make_shared<Container>(std::move(elements))) {}
  SharedCopy(std::initializer_list<value_type> elements) : SharedCopy(Container(elements)) {}

  const Container& get() const {
    static const Container kNone;
    return elements_ == nullptr ? kNone : *elements_;
  }
  operator const Container&() const { return get(); }
  /// Its own elements from here on.
  Container& edit() {
    if (elements_ == nullptr) {
      elements_ = std::make_shared<Container>();
    } else if (elements_.use_count() != 1) {
      elements_ = std::make_shared<Container>(*elements_);
    }
    return *elements_;
  }

  bool empty() const { return get().empty(); }
  std::size_t size() const { return get().size(); }
  const_iterator begin() const { return get().begin(); }
  const_iterator end() const { return get().end(); }
  const_iterator cbegin() const { return get().begin(); }
  const_iterator cend() const { return get().end(); }
  decltype(auto) front() const { return get().front(); }
  decltype(auto) back() const { return get().back(); }
  template <typename Key>
  decltype(auto) operator[](const Key& key) const {
    return get()[key];
  }
  template <typename Key>
  decltype(auto) at(const Key& key) const {
    return get().at(key);
  }
  template <typename Key>
  const_iterator find(const Key& key) const {
    return get().find(key);
  }
  template <typename Key>
  bool contains(const Key& key) const {
    return get().contains(key);
  }
  template <typename Key>
  std::size_t count(const Key& key) const {
    return get().count(key);
  }

  iterator begin() { return edit().begin(); }
  iterator end() { return edit().end(); }
  decltype(auto) front() { return edit().front(); }
  decltype(auto) back() { return edit().back(); }
  template <typename Key>
  decltype(auto) operator[](const Key& key) {
    return edit()[key];
  }
  template <typename Key>
  decltype(auto) at(const Key& key) {
    return edit().at(key);
  }
  template <typename Key>
  iterator find(const Key& key) {
    return edit().find(key);
  }
  template <typename... Arguments>
  decltype(auto) emplace(Arguments&&... arguments) {
    return edit().emplace(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) try_emplace(Arguments&&... arguments) {
    return edit().try_emplace(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) insert_or_assign(Arguments&&... arguments) {
    return edit().insert_or_assign(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) insert(Arguments&&... arguments) {
    return edit().insert(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) emplace_back(Arguments&&... arguments) {
    return edit().emplace_back(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) erase(Arguments&&... arguments) {
    return edit().erase(std::forward<Arguments>(arguments)...);
  }
  void push_back(value_type element) { edit().push_back(std::move(element)); }
  void reserve(std::size_t count) { edit().reserve(count); }
  void clear() { elements_.reset(); }

  friend bool operator==(const SharedCopy& left, const SharedCopy& right) {
    return left.elements_ == right.elements_ || left.get() == right.get();
  }

 private:
  std::shared_ptr<Container> elements_;
};

}  // namespace voicectl
