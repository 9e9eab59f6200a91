// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "tests/bench/load/event_loop.h"

namespace voicectl::bench {
namespace {

TEST(BenchHttpTest, WaitsUntilTheBodyIsWhole) {
  const std::string text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-A: b\r\n\r\nhello";

  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(take_message(text.substr(0, size)).size, 0) << size;
  }

  EXPECT_EQ(take_message(text + "next").size, text.size());
}

TEST(BenchHttpTest, FindsHeadersWhateverTheirCase) {
  const HttpMessage message =
      take_message("HTTP/1.1 201 Created\r\nContent-LENGTH: 2\r\nX-Long-Name:  v\r\n\r\n{}");

  EXPECT_EQ(status_of(message), 201);
  EXPECT_EQ(header_of(message, "x-long-name"), "v");
  EXPECT_EQ(header_of(message, "x-long"), "");
  EXPECT_EQ(message.body, "{}");
}

TEST(BenchHttpTest, TakesAMessageWithoutBodyOrHeaders) {
  const HttpMessage message = take_message("HTTP/1.1 204 No Content\r\n\r\n");

  EXPECT_EQ(message.size, 27);
  EXPECT_EQ(status_of(message), 204);
}

}  // namespace
}  // namespace voicectl::bench
