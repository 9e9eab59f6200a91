// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_reader.h"

#include <fmt/core.h>
#include <hiredis/read.h>

#include <string>
#include <utility>

#include "base/check.h"

namespace voicectl {
namespace {

/// Where the value of a task belongs: an element of its list, or a reply of its own.
RedisReply* place_of(const redisReadTask* task) {
  if (task->parent == nullptr) {
    return new RedisReply;  // owned by the reader until `next` takes it
  }
  auto* const list = static_cast<RedisReply*>(task->parent->obj);
  return &list->elements[static_cast<std::size_t>(task->idx)];
}

RedisReply::Kind text_kind(int type) {
  if (type == REDIS_REPLY_ERROR) {
    return RedisReply::Kind::kError;
  }
  return type == REDIS_REPLY_STATUS ? RedisReply::Kind::kStatus : RedisReply::Kind::kText;
}

void* create_text(const redisReadTask* task, char* bytes, std::size_t size) {
  RedisReply* const reply = place_of(task);
  reply->kind = text_kind(task->type);
  reply->text.assign(bytes, size);
  return reply;
}

void* create_list(const redisReadTask* task, int elements) {
  const auto* const budget = static_cast<const RedisReplyBudget*>(task->privdata);
  if (elements < 0 || static_cast<std::size_t>(elements) > budget->elements) {
    return nullptr;
  }
  RedisReply* const reply = place_of(task);
  reply->kind = RedisReply::Kind::kList;
  reply->elements.resize(static_cast<std::size_t>(elements));
  return reply;
}

void* create_integer(const redisReadTask* task, long long value) {
  RedisReply* const reply = place_of(task);
  reply->kind = RedisReply::Kind::kInteger;
  reply->integer = value;
  return reply;
}

void* create_nil(const redisReadTask* task) {
  return place_of(task);
}

void free_reply(void* reply) {
  delete static_cast<RedisReply*>(reply);
}

redisReplyObjectFunctions& functions() {
  // hiredis asks for a pointer to something that it never changes.
  static redisReplyObjectFunctions table{create_text, create_list, create_integer, create_nil,
                                         free_reply};
  return table;
}

}  // namespace

RedisReader::RedisReader(const RedisReplyBudget& budget)
    : budget_(budget), reader_(redisReaderCreateWithFunctions(&functions()), redisReaderFree) {
  VC_CHECK(reader_ != nullptr, "there is memory for a small structure");
  reader_->privdata = &budget_;
}

RedisReader::~RedisReader() = default;

Status RedisReader::feed(std::string_view bytes) {
  unfinished_ += bytes.size();
  if (unfinished_ > budget_.bytes) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read from the Redis server: a reply has more than {} bytes",
                             budget_.bytes));
  }
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != 0) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read from the Redis server: {}", reader_->errstr));
  }
  return ok_status();
}

Result<std::optional<RedisReply>> RedisReader::next() {
  void* made = nullptr;
  if (redisReaderGetReply(reader_.get(), &made) != 0) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot read from the Redis server: {}", reader_->errstr));
  }
  if (made == nullptr) {
    return std::optional<RedisReply>();
  }
  const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(made));
  unfinished_ = reader_->len - reader_->pos;
  return std::optional<RedisReply>(std::move(*reply));
}

}  // namespace voicectl
