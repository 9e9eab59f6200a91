// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "base/check.h"
#include "base/record_codec.h"
#include "runtime/handoff/peer_channel.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

/// What is read is written again as it was: no byte is dropped, and none has two meanings.
template <typename Record>
void expect_same_form(const Result<Record>& record, std::string_view bytes) {
  if (record.has_value()) {
    VC_CHECK(encode_record(*record) == bytes, "a record has one form");
  } else {
    VC_CHECK(record.error().code() == ErrorCode::kCorrupt, "bytes are refused as corrupt");
  }
}

template <typename Record>
void check(std::string_view bytes) {
  expect_same_form(decode_record<Record>(bytes, "a record"), bytes);
}

}  // namespace

/// The first byte is the type of the message, as between two instances.
void handoff(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  const std::string_view body = bytes.substr(1);
  switch (static_cast<voicectl::handoff::PeerMessage>(bytes[0])) {
    case voicectl::handoff::PeerMessage::kOffer:
      return check<voicectl::handoff::Offer>(body);
    case voicectl::handoff::PeerMessage::kState:
      return check<runtime::TenantCarry>(body);
    case voicectl::handoff::PeerMessage::kBatch:
      return expect_same_form(voicectl::handoff::decode_batch(body), body);
    case voicectl::handoff::PeerMessage::kEnd:
      return check<voicectl::handoff::End>(body);
    case voicectl::handoff::PeerMessage::kRefused:
      return check<voicectl::handoff::Refusal>(body);
    case voicectl::handoff::PeerMessage::kWithdraw:
    case voicectl::handoff::PeerMessage::kAccepted:
    case voicectl::handoff::PeerMessage::kCopied:
    case voicectl::handoff::PeerMessage::kOpened:
    case voicectl::handoff::PeerMessage::kTaken:
    case voicectl::handoff::PeerMessage::kWithdrawn:
      return;
  }
}

}  // namespace voicectl::fuzz
