// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_codec.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "runtime/net/utf8.h"

namespace voicectl {
namespace {

using testing::IsEmpty;

constexpr std::size_t kMessageBytes = 70'000;
constexpr std::uint32_t kKey = 0x37FA213D;

using Events = std::vector<WebSocketEvent>;

std::string frame(Opcode opcode, std::string_view payload, FrameEnd end = FrameEnd::kFinal) {
  std::string bytes;
  append_masked_frame(bytes, opcode, payload, kKey, end);
  return bytes;
}

std::string text(std::string_view payload, FrameEnd end = FrameEnd::kFinal) {
  return frame(Opcode::kText, payload, end);
}

std::string more(std::string_view payload, FrameEnd end = FrameEnd::kFinal) {
  return frame(Opcode::kContinuation, payload, end);
}

constexpr FrameEnd kOpen = FrameEnd::kContinues;

std::string close_frame(std::uint16_t code, std::string_view reason = "") {
  const std::string number = {static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return frame(Opcode::kClose, number + std::string(reason));
}

/// The frame with its first byte changed: what a correct encoder cannot produce.
std::string with_first_byte(std::string bytes, unsigned first) {
  bytes[0] = static_cast<char>(first);
  return bytes;
}

/// A header that tells a 64-bit length, without payload.
std::string header_with_length(std::uint64_t length) {
  std::string bytes = "\x81\xff";
  for (unsigned i = 0; i < 8; ++i) {
    bytes += static_cast<char>(length >> (56 - 8 * i) & 0xFFU);
  }
  return bytes + "mask";
}

Events events_of(WebSocketRole role, std::string_view bytes, std::size_t piece) {
  WebSocketCodec codec(role, kMessageBytes);
  Events events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    codec.feed(bytes.substr(at, piece));
    while (auto event = codec.next()) {
      events.push_back(std::move(*event));
    }
  }
  return events;
}

ProtocolFailure failure_code(const WebSocketEvent& event) {
  const auto* const failure = std::get_if<ProtocolFailure>(&event);
  return failure == nullptr ? ProtocolFailure{0, "none"} : *failure;
}

/// One conversation: what a client sends, and what a server makes of it.
struct Case {
  std::string name;
  std::string bytes;
  Events expected;
  /// Code of the failure that follows the events; 0 for none.
  std::uint16_t failure = 0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

std::string letters(std::size_t count) {
  return std::string(count, '*');
}

std::vector<Case> message_cases() {
  std::vector<Case> cases;
  for (const std::size_t size : {0, 1, 125, 126, 127, 128, 65'535, 65'536, 70'000}) {
    const std::string payload = letters(size);
    const std::string suffix = "Of" + std::to_string(size) + "Bytes";
    cases.push_back({"Text" + suffix, text(payload), {TextMessage{payload}}});
    cases.push_back({"Binary" + suffix, frame(Opcode::kBinary, payload), {BinaryMessage{payload}}});
  }
  cases.push_back(
      {"TwoMessagesInARow", text("a") + text("b"), {TextMessage{"a"}, TextMessage{"b"}}});
  cases.push_back({"BytesThatAreNoTextInBinary",
                   frame(Opcode::kBinary, "\xff\xfe"),
                   {BinaryMessage{"\xff\xfe"}}});
  return cases;
}

std::vector<Case> control_cases() {
  return {
      {"PingWithoutPayload", frame(Opcode::kPing, ""), {Ping{}}},
      {"PingWithText", frame(Opcode::kPing, "hello"), {Ping{"hello"}}},
      {"PingWithBytes", frame(Opcode::kPing, "\xff\xfe\x01"), {Ping{"\xff\xfe\x01"}}},
      {"PingOf125Bytes", frame(Opcode::kPing, letters(125)), {Ping{letters(125)}}},
      {"PingOf126Bytes", frame(Opcode::kPing, letters(126)), {}, close_code::kProtocolError},
      {"ThreePings",
       frame(Opcode::kPing, "1") + frame(Opcode::kPing, "2") + frame(Opcode::kPing, "3"),
       {Ping{"1"}, Ping{"2"}, Ping{"3"}}},
      {"PongNobodyAskedFor", frame(Opcode::kPong, ""), {Pong{}}},
      {"PongWithPayload", frame(Opcode::kPong, "x"), {Pong{"x"}}},
      {"PongOf126Bytes", frame(Opcode::kPong, letters(126)), {}, close_code::kProtocolError},
      {"PongThenPing",
       frame(Opcode::kPong, "x") + frame(Opcode::kPing, "y"),
       {Pong{"x"}, Ping{"y"}}},
      {"FragmentedPing",
       with_first_byte(frame(Opcode::kPing, "x"), 0x09),
       {},
       close_code::kProtocolError},
      {"FragmentedClose", with_first_byte(close_frame(1000), 0x08), {}, close_code::kProtocolError},
  };
}

std::vector<Case> framing_cases() {
  std::vector<Case> cases;
  for (const unsigned bits : {0x10U, 0x20U, 0x30U, 0x40U, 0x50U, 0x60U, 0x70U}) {
    cases.push_back({"ReservedBits" + std::to_string(bits >> 4U),
                     text("good") + with_first_byte(text("x"), 0x81U | bits),
                     {TextMessage{"good"}},
                     close_code::kProtocolError});
  }
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    cases.push_back({"ReservedOpcode" + std::to_string(opcode),
                     text("good") + with_first_byte(text(""), 0x80U | opcode) + text("lost"),
                     {TextMessage{"good"}},
                     close_code::kProtocolError});
  }
  cases.push_back({"UnmaskedFrame", "\x81\x01x", {}, close_code::kProtocolError});
  cases.push_back({"TooLongMessage", text(letters(kMessageBytes + 1)), {}, close_code::kTooLong});
  cases.push_back({"TooLongByItsHeaderAlone",
                   header_with_length(std::uint64_t{1} << 40U),
                   {},
                   close_code::kTooLong});
  cases.push_back({"LengthWithItsHighestBit",
                   header_with_length(std::uint64_t{1} << 63U),
                   {},
                   close_code::kProtocolError});
  cases.push_back({"TooLongWhenJoined",
                   text(letters(kMessageBytes), kOpen) + more("x"),
                   {},
                   close_code::kTooLong});
  return cases;
}

std::vector<Case> fragment_cases() {
  return {
      {"TwoFragments", text("ab", kOpen) + more("cd"), {TextMessage{"abcd"}}},
      {"EmptyFragments",
       text("", kOpen) + more("", kOpen) + more(""),
       {EmptyFragment{}, EmptyFragment{}, TextMessage{""}}},
      {"EmptyFirstAndLastFragment",
       text("", kOpen) + more("mid", kOpen) + more(""),
       {EmptyFragment{}, TextMessage{"mid"}}},
      {"BinaryFragments", frame(Opcode::kBinary, "a", kOpen) + more("b"), {BinaryMessage{"ab"}}},
      {"PingBetweenFragments",
       text("ab", kOpen) + frame(Opcode::kPing, "p") + more("cd"),
       {Ping{"p"}, TextMessage{"abcd"}}},
      {"PongBetweenFragments",
       text("ab", kOpen) + frame(Opcode::kPong, "p") + more("cd"),
       {Pong{"p"}, TextMessage{"abcd"}}},
      {"CloseBetweenFragments", text("ab", kOpen) + close_frame(1000), {PeerClose{1000, ""}}},
      {"ContinuationOfNothing", more("x"), {}, close_code::kProtocolError},
      {"OpenContinuationOfNothing", more("x", kOpen), {}, close_code::kProtocolError},
      {"ContinuationAfterAMessage",
       text("a") + more("x"),
       {TextMessage{"a"}},
       close_code::kProtocolError},
      {"TextInsideAMessage", text("a", kOpen) + text("b"), {}, close_code::kProtocolError},
      {"BinaryInsideAMessage",
       text("a", kOpen) + frame(Opcode::kBinary, "b"),
       {},
       close_code::kProtocolError},
      {"FragmentsOfTwoMessages",
       text("1", kOpen) + more("2") + text("3", kOpen) + more("4"),
       {TextMessage{"12"}, TextMessage{"34"}}},
  };
}

std::vector<Case> utf8_cases() {
  const std::string kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  return {
      {"Greek", text(kosme), {TextMessage{kosme}}},
      {"GreekCutInsideACharacter",
       text(kosme.substr(0, 3), kOpen) + more(kosme.substr(3)),
       {TextMessage{kosme}}},
      {"FourByteCharacterInFourFragments",
       text("\xf0", kOpen) + more("\x9f", kOpen) + more("\x8e", kOpen) + more("\x89"),
       {TextMessage{"\xf0\x9f\x8e\x89"}}},
      {"Surrogate", text(kosme + "\xed\xa0\x80" + "edited"), {}, close_code::kNotUtf8},
      {"TooHigh", text("\xf4\x90\x80\x80"), {}, close_code::kNotUtf8},
      {"Overlong", text("\xc0\xaf"), {}, close_code::kNotUtf8},
      {"CutAtTheEnd", text("\xce"), {}, close_code::kNotUtf8},
      {"CutAtTheEndOfTheLastFragment", text("a", kOpen) + more("\xce"), {}, close_code::kNotUtf8},
      {"WrongInAnEarlyFragment", text("\xf4\x90", kOpen), {}, close_code::kNotUtf8},
      {"GoodThenWrongFragment",
       text("a", kOpen) + more("\xff", kOpen) + more("b"),
       {},
       close_code::kNotUtf8},
      {"NotUtf8InACloseReason", close_frame(1000, "\xff"), {}, close_code::kNotUtf8},
  };
}

std::vector<Case> close_cases() {
  std::vector<Case> cases = {
      {"CloseWithoutCode", frame(Opcode::kClose, ""), {PeerClose{close_code::kNone, ""}}},
      {"CloseWithHalfACode", frame(Opcode::kClose, "\x03"), {}, close_code::kProtocolError},
      {"CloseWithReason", close_frame(1000, "bye"), {PeerClose{1000, "bye"}}},
      {"CloseWithTheLongestReason",
       close_frame(1000, letters(123)),
       {PeerClose{1000, letters(123)}}},
      {"CloseWithATooLongReason", close_frame(1000, letters(124)), {}, close_code::kProtocolError},
      {"NothingAfterClose",
       close_frame(1000) + text("lost") + frame(Opcode::kPing, "lost"),
       {PeerClose{1000, ""}}},
      {"MessageThenClose", text("a") + close_frame(1001), {TextMessage{"a"}, PeerClose{1001, ""}}},
  };
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                         3000, 3999, 4000, 4999}) {
    const auto number = static_cast<std::uint16_t>(code);
    cases.push_back(
        {"CloseCode" + std::to_string(code), close_frame(number), {PeerClose{number, ""}}});
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535}) {
    cases.push_back({"ReservedCloseCode" + std::to_string(code),
                     close_frame(static_cast<std::uint16_t>(code)),
                     {},
                     close_code::kProtocolError});
  }
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (auto part : {message_cases(), control_cases(), framing_cases(), fragment_cases(),
                    utf8_cases(), close_cases()}) {
    cases.insert(cases.end(), part.begin(), part.end());
  }
  return cases;
}

class WebSocketConversationTest : public testing::TestWithParam<Case> {
 protected:
  static void expect_outcome(const Events& events) {
    const std::size_t expected = GetParam().expected.size();
    const std::size_t failures = GetParam().failure == 0 ? 0 : 1;
    ASSERT_EQ(events.size(), expected + failures);
    for (std::size_t i = 0; i < expected; ++i) {
      EXPECT_TRUE(events[i] == GetParam().expected[i]) << "event " << i;
    }
    if (failures == 1) {
      EXPECT_EQ(failure_code(events.back()).code, GetParam().failure);
    }
  }
};

TEST_P(WebSocketConversationTest, MakesTheSameEventsHoweverItsBytesArrive) {
  const std::string& bytes = GetParam().bytes;

  expect_outcome(events_of(WebSocketRole::kServer, bytes, bytes.size()));
  expect_outcome(events_of(WebSocketRole::kServer, bytes, 1));
  expect_outcome(events_of(WebSocketRole::kServer, bytes, 7));
}

INSTANTIATE_TEST_SUITE_P(Autobahn,
                         WebSocketConversationTest,
                         testing::ValuesIn(all_cases()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(WebSocketCodecTest, CanBeMovedBetweenAnyTwoBytes) {
  const std::string bytes = text("\xce", kOpen) + frame(Opcode::kPing, "p") + more("\xba", kOpen) +
                            more("end") + text("next") + close_frame(1000, "bye");
  const Events expected = events_of(WebSocketRole::kServer, bytes, bytes.size());
  ASSERT_EQ(expected.size(), 4U);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Events events;
    WebSocketCodec first(WebSocketRole::kServer, kMessageBytes);
    first.feed(std::string_view(bytes).substr(0, cut));
    while (auto event = first.next()) {
      events.push_back(std::move(*event));
    }
    if (events.size() == expected.size()) {
      continue;
    }
    WebSocketCodec second(WebSocketRole::kServer, kMessageBytes, first.state());
    second.feed(std::string_view(bytes).substr(cut));
    while (auto event = second.next()) {
      events.push_back(std::move(*event));
    }

    EXPECT_TRUE(events == expected) << "cut at " << cut;
  }
}

TEST(WebSocketCodecTest, CanBeMovedBetweenTwoEventsOfOnePiece) {
  WebSocketCodec first(WebSocketRole::kServer, kMessageBytes);
  first.feed(text("a") + text("b") + text("c"));
  (void)first.next();  // "a" is being acted on while the connection moves

  WebSocketCodec second(WebSocketRole::kServer, kMessageBytes, first.state());

  EXPECT_TRUE(second.next() == WebSocketEvent(TextMessage{"b"}));
  EXPECT_TRUE(second.next() == WebSocketEvent(TextMessage{"c"}));
  EXPECT_FALSE(second.next().has_value());
}

TEST(WebSocketCodecTest, KeepsNoMemoryOfWhatItHasTaken) {
  WebSocketCodec codec(WebSocketRole::kServer, kMessageBytes);
  codec.feed(text(letters(5000)));
  while (codec.next()) {
  }

  const WebSocketCodecState state = codec.state();

  EXPECT_THAT(state.unread, IsEmpty());
  EXPECT_LT(state.unread.capacity(), 100U);
}

TEST(WebSocketCodecTest, ServesAsAClientToo) {
  std::string bytes;
  append_frame(bytes, Opcode::kText, "hello");
  append_frame(bytes, Opcode::kPing, "p");
  append_frame(bytes, Opcode::kClose, close_payload(1001, "later"));

  const Events events = events_of(WebSocketRole::kClient, bytes, 1);

  ASSERT_EQ(events.size(), 3U);
  EXPECT_TRUE(events[0] == WebSocketEvent(TextMessage{"hello"}));
  EXPECT_TRUE(events[1] == WebSocketEvent(Ping{"p"}));
  EXPECT_TRUE(events[2] == WebSocketEvent(PeerClose{1001, "later"}));
}

TEST(WebSocketCodecTest, AsAClientRefusesMaskedFrames) {
  const Events events = events_of(WebSocketRole::kClient, text("x"), 1);

  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(failure_code(events[0]).code, close_code::kProtocolError);
}

TEST(WebSocketCodecTest, EncodesTheExamplesOfTheStandard) {
  std::string unmasked;
  append_frame(unmasked, Opcode::kText, "Hello");
  std::string masked;
  append_masked_frame(masked, Opcode::kText, "Hello", kKey);

  EXPECT_EQ(unmasked, "\x81\x05Hello");
  EXPECT_EQ(masked, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

TEST(WebSocketCodecTest, CutsACloseReasonAtTheEndOfACharacter) {
  std::string reason = letters(122);
  reason += "\xce\xba";

  const std::string payload = close_payload(1000, reason);

  EXPECT_EQ(payload.size(), 124U);
  EXPECT_TRUE(is_utf8(payload.substr(2)));
}

TEST(WebSocketCodecTest, SendsNoCodeThatMayNotBeSent) {
  EXPECT_THAT(close_payload(close_code::kNone, "x"), IsEmpty());
  EXPECT_THAT(close_payload(close_code::kBroken, "x"), IsEmpty());
}

}  // namespace
}  // namespace voicectl
