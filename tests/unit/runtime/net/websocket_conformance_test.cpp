// SPDX-License-Identifier: Apache-2.0
// RFC 6455 in small cases, in the order of the categories that the Autobahn test suite has
// (https://github.com/crossbario/autobahn-testsuite): framing, pings, reserved bits, opcodes,
// fragmentation, UTF-8, close handling, limits.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "runtime/net/websocket_codec.h"

namespace voicectl {
namespace {

constexpr std::size_t kMessageBytes = 1U << 20;
constexpr std::uint32_t kKey = 0x9A3C55E1;
constexpr FrameEnd kFinal = FrameEnd::kFinal;
constexpr FrameEnd kOpen = FrameEnd::kContinues;
constexpr std::uint16_t kBroken = close_code::kProtocolError;
constexpr std::uint16_t kNotUtf8 = close_code::kNotUtf8;

using Events = std::vector<WebSocketEvent>;

/// What a client sends, what a server makes of it, and the code with which it then fails.
struct Case {
  std::string name;
  std::string bytes;
  Events events;
  std::uint16_t failure = 0;
};

std::string frame(Opcode opcode, std::string_view payload, FrameEnd end = kFinal) {
  std::string bytes;
  append_masked_frame(bytes, opcode, payload, kKey, end);
  return bytes;
}

std::string text(std::string_view payload, FrameEnd end = kFinal) {
  return frame(Opcode::kText, payload, end);
}

std::string more(std::string_view payload, FrameEnd end = kFinal) {
  return frame(Opcode::kContinuation, payload, end);
}

std::string ping(std::string_view payload) {
  return frame(Opcode::kPing, payload);
}

std::string pong(std::string_view payload) {
  return frame(Opcode::kPong, payload);
}

std::string code_bytes(unsigned code) {
  return {static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
}

std::string close(unsigned code, std::string_view reason = "") {
  return frame(Opcode::kClose, code_bytes(code) + std::string(reason));
}

/// The frame with bits of its first byte set that an encoder never sets.
std::string with_bits(std::string bytes, unsigned bits) {
  bytes[0] = static_cast<char>(static_cast<unsigned char>(bytes[0]) | bits);
  return bytes;
}

/// The frame as one of another opcode.
std::string as_opcode(std::string bytes, unsigned opcode) {
  bytes[0] = static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0xF0U) | opcode);
  return bytes;
}

std::string hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

/// A message in frames of `size` bytes.
std::string in_frames(Opcode opcode, std::string_view payload, std::size_t size) {
  std::string bytes;
  for (std::size_t at = 0; at < payload.size(); at += size) {
    bytes += frame(at == 0 ? opcode : Opcode::kContinuation, payload.substr(at, size),
                   at + size < payload.size() ? kOpen : kFinal);
  }
  return bytes;
}

using Cases = std::vector<Case>;

void add_framing(Cases& cases) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
    const std::string payload(size, '*');
    const std::string binary(size, '\xfe');
    const std::string name = std::to_string(size);
    cases.push_back({"1.1 text of " + name, text(payload), {TextMessage{payload}}});
    cases.push_back(
        {"1.2 binary of " + name, frame(Opcode::kBinary, binary), {BinaryMessage{binary}}});
  }
  std::string unmasked;
  append_frame(unmasked, Opcode::kText, "Hello");
  cases.push_back({"1.3 a client's frame without a mask", unmasked, {}, kBroken});
}

void add_pings(Cases& cases) {
  const std::string full(125, '\xfe');
  cases.push_back({"2.1 ping without payload", ping(""), {Ping{""}}});
  cases.push_back({"2.2 ping with text", ping("Hello, world!"), {Ping{"Hello, world!"}}});
  cases.push_back(
      {"2.3 ping with bytes", ping(hex("00fffefdfcfb00ff")), {Ping{hex("00fffefdfcfb00ff")}}});
  cases.push_back({"2.4 ping of 125 bytes", ping(full), {Ping{full}}});
  cases.push_back({"2.5 ping of 126 bytes", ping(full + "x"), {}, kBroken});
  cases.push_back({"2.6 ping of 65536 bytes", ping(std::string(65536, 'x')), {}, kBroken});
  cases.push_back({"2.7 pong nobody asked for", pong(""), {Pong{""}}});
  cases.push_back({"2.8 pong with payload", pong("unsolicited"), {Pong{"unsolicited"}}});
  cases.push_back({"2.9 pong, then ping",
                   pong("unsolicited") + ping("ping"),
                   {Pong{"unsolicited"}, Ping{"ping"}}});
  Case ten{"2.10 ten pings", "", {}};
  for (int i = 0; i < 10; ++i) {
    ten.bytes += ping("payload-" + std::to_string(i));
    ten.events.push_back(Ping{"payload-" + std::to_string(i)});
  }
  cases.push_back(ten);
}

void add_reserved_bits(Cases& cases) {
  for (unsigned bits = 1; bits <= 7; ++bits) {
    const std::string name = std::to_string(bits);
    const unsigned set = bits << 4U;
    cases.push_back(
        {"3.1 text with reserved bits " + name, with_bits(text("x"), set), {}, kBroken});
    cases.push_back({"3.2 text, then reserved bits " + name + ", then ping",
                     text("x") + with_bits(text("y"), set) + ping(""),
                     {TextMessage{"x"}},
                     kBroken});
    cases.push_back(
        {"3.3 ping with reserved bits " + name, with_bits(ping("x"), set), {}, kBroken});
    cases.push_back(
        {"3.4 close with reserved bits " + name, with_bits(close(1000), set), {}, kBroken});
  }
}

void add_opcodes(Cases& cases) {
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    const std::string name = std::to_string(opcode);
    cases.push_back({"4.1 opcode " + name, as_opcode(text(""), opcode), {}, kBroken});
    cases.push_back(
        {"4.2 opcode " + name + " with payload", as_opcode(text("reserved"), opcode), {}, kBroken});
    cases.push_back({"4.3 text, then opcode " + name,
                     text("x") + as_opcode(text(""), opcode),
                     {TextMessage{"x"}},
                     kBroken});
  }
}

void add_fragmentation(Cases& cases) {
  const auto add = [&cases](std::string name, std::string bytes, Events events,
                            std::uint16_t failure = 0) {
    cases.push_back({std::move(name), std::move(bytes), std::move(events), failure});
  };
  add("5.1 ping in two fragments", with_bits(frame(Opcode::kPing, "a", kOpen), 0) + more("b"), {},
      kBroken);
  add("5.2 pong in two fragments", frame(Opcode::kPong, "a", kOpen) + more("b"), {}, kBroken);
  add("5.3 text in two fragments", text("a", kOpen) + more("b"), {TextMessage{"ab"}});
  add("5.4 binary in two fragments", frame(Opcode::kBinary, "a", kOpen) + more("b"),
      {BinaryMessage{"ab"}});
  add("5.5 close in two fragments", frame(Opcode::kClose, code_bytes(1000), kOpen) + more(""), {},
      kBroken);
  add("5.6 ping between fragments", text("a", kOpen) + ping("p") + more("b"),
      {Ping{"p"}, TextMessage{"ab"}});
  add("5.7 pong between fragments", text("a", kOpen) + pong("p") + more("b"),
      {Pong{"p"}, TextMessage{"ab"}});
  add("5.8 pings between many fragments",
      text("a", kOpen) + ping("1") + more("b", kOpen) + ping("2") + more("c"),
      {Ping{"1"}, Ping{"2"}, TextMessage{"abc"}});
  add("5.9 a continuation of nothing", more("x"), {}, kBroken);
  add("5.10 an open continuation of nothing", more("x", kOpen) + text("y"), {}, kBroken);
  add("5.11 a continuation behind a message", text("a") + more("x"), {TextMessage{"a"}}, kBroken);
  add("5.12 text inside a text", text("a", kOpen) + text("b"), {}, kBroken);
  add("5.13 binary inside a text", text("a", kOpen) + frame(Opcode::kBinary, "b"), {}, kBroken);
  add("5.14 text inside a binary", frame(Opcode::kBinary, "a", kOpen) + text("b"), {}, kBroken);
  add("5.15 two messages in fragments, and a stray one",
      text("a", kOpen) + more("b") + more("c", kOpen) + more("d"), {TextMessage{"ab"}}, kBroken);
  add("5.16 empty fragments", text("", kOpen) + more("", kOpen) + more(""),
      {EmptyFragment{}, EmptyFragment{}, TextMessage{""}});
  add("5.17 empty fragments around one that is not", text("", kOpen) + more("x", kOpen) + more(""),
      {EmptyFragment{}, TextMessage{"x"}});
  add("5.18 close inside a message", text("a", kOpen) + close(1000), {PeerClose{1000, ""}});
  add("5.19 a character split between fragments", text("\xce", kOpen) + more("\xba"),
      {TextMessage{"\xce\xba"}});
  add("5.20 fragments of a message, each its own size",
      text("a", kOpen) + more(std::string(126, 'b'), kOpen) + more(std::string(65536, 'c')),
      {TextMessage{"a" + std::string(126, 'b') + std::string(65536, 'c')}});
}

/// Bytes that are UTF-8, and the name of what they are.
constexpr std::pair<const char*, const char*> kUtf8[] = {
    {"6.1 greek word", "cebae1bdb9cf83cebcceb5"},
    {"6.7 first of one byte", "00"},
    {"6.7 first of two", "c280"},
    {"6.7 first of three", "e0a080"},
    {"6.7 first of four", "f0908080"},
    {"6.9 last of one byte", "7f"},
    {"6.9 last of two", "dfbf"},
    {"6.9 last of three", "efbfbf"},
    {"6.9 last of four", "f48fbfbf"},
    {"6.11 before surrogates", "ed9fbf"},
    {"6.11 behind surrogates", "ee8080"},
    {"6.11 replacement character", "efbfbd"},
    {"6.22 FFFE", "efbfbe"},
    {"6.22 1FFFE", "f09fbfbe"},
    {"6.22 1FFFF", "f09fbfbf"},
    {"6.22 2FFFE", "f0afbfbe"},
    {"6.22 2FFFF", "f0afbfbf"},
    {"6.22 3FFFE", "f0bfbfbe"},
    {"6.22 3FFFF", "f0bfbfbf"},
    {"6.22 4FFFE", "f18fbfbe"},
    {"6.22 4FFFF", "f18fbfbf"},
    {"6.22 7FFFE", "f1bfbfbe"},
    {"6.22 7FFFF", "f1bfbfbf"},
    {"6.22 8FFFE", "f28fbfbe"},
    {"6.22 8FFFF", "f28fbfbf"},
    {"6.22 FFFFE", "f3bfbfbe"},
    {"6.22 FFFFF", "f3bfbfbf"},
    {"6.22 10FFFE", "f48fbfbe"},
    {"6.23 interlinear annotation", "efbfb9"},
    {"6.23 object replacement", "efbfbc"},
    {"6.23 byte order mark", "efbbbf"},
};

/// Bytes that are not.
constexpr std::pair<const char*, const char*> kBrokenUtf8[] = {
    {"6.3 surrogate within a word", "cebae1bdb9cf83cebcceb5eda080656469746564"},
    {"6.4 beyond the last within a word", "cebae1bdb9cf83cebcceb5f4908080656469746564"},
    {"6.8 five bytes", "f888808080"},
    {"6.8 six bytes", "fc8480808080"},
    {"6.10 last of five", "fbbfbfbfbf"},
    {"6.10 last of six", "fdbfbfbfbfbf"},
    {"6.11 behind the last", "f4908080"},
    {"6.12 continuation alone", "80"},
    {"6.12 last continuation alone", "bf"},
    {"6.12 two continuations", "80bf"},
    {"6.12 three continuations", "80bf80"},
    {"6.12 four continuations", "80bf80bf"},
    {"6.12 five continuations", "80bf80bf80"},
    {"6.13 start of two and a space", "c020"},
    {"6.13 another start of two and a space", "c120"},
    {"6.13 start of three and a space", "e020"},
    {"6.13 start of four and a space", "f020"},
    {"6.13 start of five and a space", "f820"},
    {"6.13 start of six and a space", "fc20"},
    {"6.14 two without its last", "c0"},
    {"6.14 three without its last", "e080"},
    {"6.14 four without its last", "f08080"},
    {"6.14 five without its last", "f8808080"},
    {"6.14 six without its last", "fc80808080"},
    {"6.14 good two without its last", "df"},
    {"6.14 good three without its last", "efbf"},
    {"6.14 good four without its last", "f48fbf"},
    {"6.15 many without their last", "c0e080f08080f8808080fc80808080dfefbf"},
    {"6.16 FE", "fe"},
    {"6.16 FF", "ff"},
    {"6.16 FE and FF", "fefeffff"},
    {"6.17 slash in two", "c0af"},
    {"6.17 slash in three", "e080af"},
    {"6.17 slash in four", "f08080af"},
    {"6.17 slash in five", "f8808080af"},
    {"6.17 slash in six", "fc80808080af"},
    {"6.18 longest overlong two", "c1bf"},
    {"6.18 longest overlong three", "e09fbf"},
    {"6.18 longest overlong four", "f08fbfbf"},
    {"6.18 longest overlong five", "f887bfbfbf"},
    {"6.18 longest overlong six", "fc83bfbfbfbf"},
    {"6.19 zero in two", "c080"},
    {"6.19 zero in three", "e08080"},
    {"6.19 zero in four", "f0808080"},
    {"6.19 zero in five", "f880808080"},
    {"6.19 zero in six", "fc8080808080"},
    {"6.20 first high surrogate", "eda080"},
    {"6.20 another high surrogate", "edadbf"},
    {"6.20 first private high surrogate", "edae80"},
    {"6.20 last high surrogate", "edafbf"},
    {"6.20 first low surrogate", "edb080"},
    {"6.20 another low surrogate", "edbe80"},
    {"6.20 last low surrogate", "edbfbf"},
    {"6.21 pair of surrogates 1", "eda080edb080"},
    {"6.21 pair of surrogates 2", "eda080edbfbf"},
    {"6.21 pair of surrogates 3", "edadbfedb080"},
    {"6.21 pair of surrogates 4", "edadbfedbfbf"},
    {"6.21 pair of surrogates 5", "edae80edb080"},
    {"6.21 pair of surrogates 6", "edae80edbfbf"},
    {"6.21 pair of surrogates 7", "edafbfedb080"},
    {"6.21 pair of surrogates 8", "edafbfedbfbf"},
};

void add_utf8(Cases& cases) {
  for (const auto& [name, digits] : kUtf8) {
    const std::string bytes = hex(digits);
    cases.push_back({std::string(name) + ", whole", text(bytes), {TextMessage{bytes}}});
    cases.push_back({std::string(name) + ", a byte a fragment",
                     in_frames(Opcode::kText, bytes, 1),
                     {TextMessage{bytes}}});
  }
  for (const auto& [name, digits] : kBrokenUtf8) {
    const std::string bytes = hex(digits);
    cases.push_back({std::string(name) + ", whole", text(bytes), {}, kNotUtf8});
    cases.push_back({std::string(name) + ", a byte a fragment",
                     in_frames(Opcode::kText, bytes, 1),
                     {},
                     kNotUtf8});
    cases.push_back(
        {std::string(name) + ", as binary", frame(Opcode::kBinary, bytes), {BinaryMessage{bytes}}});
  }
  // 6.6: every beginning of a word that ends within a character.
  const std::string word = hex("cebae1bdb9cf83cebcceb5");
  for (const std::size_t size : {1U, 3U, 4U, 6U, 8U, 10U}) {
    cases.push_back({"6.6 a word cut behind byte " + std::to_string(size),
                     text(word.substr(0, size)),
                     {},
                     kNotUtf8});
  }
}

void add_close(Cases& cases) {
  const std::string longest(123, '*');
  cases.push_back({"7.1 message, then close",
                   text("x") + close(1000),
                   {TextMessage{"x"}, PeerClose{1000, ""}}});
  cases.push_back({"7.1 two closes", close(1000) + close(1000), {PeerClose{1000, ""}}});
  cases.push_back({"7.1 ping behind a close", close(1000) + ping(""), {PeerClose{1000, ""}}});
  cases.push_back({"7.1 text behind a close", close(1000) + text("x"), {PeerClose{1000, ""}}});
  cases.push_back(
      {"7.3 close without a code", frame(Opcode::kClose, ""), {PeerClose{close_code::kNone, ""}}});
  cases.push_back({"7.3 close with half a code", frame(Opcode::kClose, "a"), {}, kBroken});
  cases.push_back({"7.3 close with a reason", close(1000, "Hello"), {PeerClose{1000, "Hello"}}});
  cases.push_back(
      {"7.3 close with the longest reason", close(1000, longest), {PeerClose{1000, longest}}});
  cases.push_back({"7.3 close with a longer reason", close(1000, longest + "*"), {}, kBroken});
  cases.push_back({"7.5 close with a reason that is not UTF-8",
                   close(1000, hex("cebae1bdb9cf83cebcceb5eda080656469746564")),
                   {},
                   kNotUtf8});
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    cases.push_back({"7.7 code " + std::to_string(code),
                     close(code),
                     {PeerClose{static_cast<std::uint16_t>(code), ""}}});
  }
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    cases.push_back({"7.9 code " + std::to_string(code), close(code), {}, kBroken});
  }
}

void add_limits(Cases& cases) {
  const std::string large(kMessageBytes, 'x');
  for (const std::size_t size : {64U, 256U, 1024U, 4096U, 16384U, 65536U}) {
    const std::string name = std::to_string(size);
    cases.push_back({"9.3 text in fragments of " + name,
                     in_frames(Opcode::kText, large, size),
                     {TextMessage{large}}});
    cases.push_back({"9.4 binary in fragments of " + name,
                     in_frames(Opcode::kBinary, large, size),
                     {BinaryMessage{large}}});
  }
  cases.push_back({"9.1 the longest text", text(large), {TextMessage{large}}});
  cases.push_back({"9.2 a longer text", text(large + "x"), {}, close_code::kTooLong});
  cases.push_back({"9.2 fragments of a longer text",
                   in_frames(Opcode::kText, large + "x", 65536),
                   {},
                   close_code::kTooLong});
  std::string lie = frame(Opcode::kBinary, std::string(65536, 'x'));
  lie[2] = '\x7f';
  cases.push_back({"9.2 a length of exabytes", lie, {}, close_code::kTooLong});
  lie[2] = '\xff';
  cases.push_back({"9.2 a negative length", lie, {}, kBroken});
}

const Cases& all_cases() {
  static const Cases kCases = [] {
    Cases cases;
    add_framing(cases);
    add_pings(cases);
    add_reserved_bits(cases);
    add_opcodes(cases);
    add_fragmentation(cases);
    add_utf8(cases);
    add_close(cases);
    add_limits(cases);
    return cases;
  }();
  return kCases;
}

/// What a server makes of the bytes when they come in pieces of that size.
Events events_of(std::string_view bytes, std::size_t piece) {
  WebSocketCodec codec(WebSocketRole::kServer, kMessageBytes);
  Events events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    codec.feed(bytes.substr(at, piece));
    while (auto event = codec.next()) {
      events.push_back(std::move(*event));
    }
  }
  return events;
}

void expect_as_told(const Case& told, std::size_t piece) {
  SCOPED_TRACE(told.name + ", in pieces of " + std::to_string(piece));
  Events events = events_of(told.bytes, piece);
  std::uint16_t failure = 0;
  if (!events.empty() && std::holds_alternative<ProtocolFailure>(events.back())) {
    failure = std::get<ProtocolFailure>(events.back()).code;
    events.pop_back();
  }
  EXPECT_EQ(failure, told.failure);
  EXPECT_TRUE(events == told.events);
}

TEST(WebSocketConformanceTest, HasAtLeast250Cases) {
  EXPECT_GE(all_cases().size(), 250U);
}

TEST(WebSocketConformanceTest, HoldsWhenFramesComeWhole) {
  for (const Case& told : all_cases()) {
    expect_as_told(told, told.bytes.size());
  }
}

TEST(WebSocketConformanceTest, HoldsWhenFramesComeInOddPieces) {
  for (const Case& told : all_cases()) {
    expect_as_told(told, 997);
  }
}

TEST(WebSocketConformanceTest, HoldsWhenFramesComeByteByByte) {
  for (const Case& told : all_cases()) {
    // A megabyte byte by byte tells no more than a kilobyte does.
    if (told.bytes.size() < 2000) {
      expect_as_told(told, 1);
    }
  }
}

TEST(WebSocketConformanceTest, RefusesBrokenTextBeforeItsMessageIsWhole) {
  for (const auto& [name, digits] : {kBrokenUtf8[0], kBrokenUtf8[1]}) {
    const std::string first = text(hex(digits), kOpen);

    const Events events = events_of(first, first.size());

    ASSERT_EQ(events.size(), 1U) << name;
    EXPECT_EQ(std::get<ProtocolFailure>(events.front()).code, kNotUtf8) << name;
  }
}

}  // namespace
}  // namespace voicectl
