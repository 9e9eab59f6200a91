// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/connection_copier.h"

#include <algorithm>
#include <string>

#include "base/record_codec.h"

namespace voicectl::handoff {
namespace {

/// A batch that is not larger than this fits one message of the channel.
constexpr std::size_t kBatchBytes = std::size_t{96} * 1024;

/// One to be worked on while the next one comes.
constexpr std::size_t kMostUnderWay = 2;

}  // namespace

Status ConnectionCopier::copy_more() {
  while (under_way_ < kMostUnderWay && host_.changes() > 0) {
    const ConnectionChanges changes = host_.take_changes(kMostInBatch, kBatchBytes);
    if (!changes.is_empty()) {
      VC_TRY(send(changes));
      ++under_way_;
    }
  }
  return ok_status();
}

Status ConnectionCopier::take_copied() {
  if (under_way_ == 0) {
    return Error(ErrorCode::kCorrupt,
                 "cannot hand the tenant over: the other instance took a batch that was not sent");
  }
  --under_way_;
  return ok_status();
}

Status ConnectionCopier::finish() {
  while (host_.changes() > 0) {
    VC_TRY(send(host_.take_changes(kMostInBatch, kBatchBytes)));
  }
  return peer_.send(PeerMessage::kEnd, encode_record(End{tally_.connections(), tally_.checksum()}));
}

Status ConnectionCopier::send(const ConnectionChanges& changes) {
  // A Batch is two lists, and each of them its length and its elements.
  std::string bytes;
  RecordWriter writer(bytes);
  writer.put(static_cast<std::uint32_t>(changes.changed.size()));
  std::vector<int> sockets;
  for (const ConnectionChange& change : changes.changed) {
    const std::size_t begin = bytes.size();
    writer.put(change.id);
    writer.put(change.state);
    tally_.set(change.id, checksum_of(std::string_view(bytes).substr(begin), 0), change.state);
    if (change.socket) {
      sockets.push_back(*change.socket);
    }
  }
  writer.put(changes.gone);
  std::for_each(changes.gone.begin(), changes.gone.end(), [this](CopyId id) { tally_.drop(id); });
  told_ += changes.changed.size();
  return peer_.send(PeerMessage::kBatch, bytes, sockets);
}

}  // namespace voicectl::handoff
