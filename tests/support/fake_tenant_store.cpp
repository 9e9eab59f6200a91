// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_tenant_store.h"

#include <fmt/core.h>

#include <sstream>
#include <utility>

namespace voicectl {

Result<FakeTenantStore> FakeTenantStore::open(FakeFileSystem& files,
                                              std::string folder,
                                              FencingToken token) {
  FakeTenantStore store(files, std::move(folder), token);
  if (!store.is_there()) {
    return store;
  }
  VC_TRY(Content content, store.read());
  if (content.newest > token) {
    return Error(ErrorCode::kFenced, "cannot open the store: a newer one has it");
  }
  content.newest = token;
  store.write(content);
  store.sessions_ = std::move(content.sessions);
  return store;
}

Result<std::uint64_t> FakeTenantStore::add(const std::string& session, std::uint64_t number) {
  const auto known = sessions_.find(session);
  const std::uint64_t has = known == sessions_.end() ? 0 : known->second;
  if (number != has + 1) {
    return has;
  }
  if (!is_there()) {
    return Error(ErrorCode::kNotFound, "cannot write: the folder is gone");
  }
  if (files_->is_full()) {
    return Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");
  }
  VC_TRY(Content content, read());
  if (content.newest > token_) {
    return Error(ErrorCode::kFenced, "cannot write: a newer one has the store");
  }
  content.sessions.insert_or_assign(session, number);
  write(content);
  sessions_.insert_or_assign(session, number);
  return number;
}

Result<FakeTenantStore::Content> FakeTenantStore::read() const {
  Content content;
  std::istringstream text(files_->content_of(path()).value_or("0"));
  if (!(text >> content.newest.value)) {
    return Error(ErrorCode::kCorrupt, fmt::format("cannot read '{}'", path()));
  }
  std::string session;
  std::uint64_t events = 0;
  while (text >> session >> events) {
    content.sessions.insert_or_assign(session, events);
  }
  return content;
}

void FakeTenantStore::write(const Content& content) {
  std::string text = std::to_string(content.newest.value) + "\n";
  for (const auto& [session, events] : content.sessions) {
    text += fmt::format("{} {}\n", session, events);
  }
  files_->put(path(), text);
}

}  // namespace voicectl
