// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/net/connection.h"
#include "runtime/net/connection_state.h"

namespace voicectl {

/// What of a server's connections another server, which is to get them, does not know as they are.
///
/// A connection that changes goes to the end of the list, so that the longest unchanged are told
/// first, and costs a pointer's move however often it changes before it is told.
/// REQUIRES: every connection is forgotten before it dies. THREADS: loop thread only.
class CopyLedger {
 public:
  ~CopyLedger() { end(); }

  /// From now on every connection that is noted has to be told. Nothing is told yet.
  void begin();
  void end();
  bool is_open() const { return is_open_; }

  /// It is new, or has changed.
  void note(Connection& connection);
  /// It ends, or goes.
  void forget(Connection& connection);

  /// How many changes are to be told.
  std::size_t size() const { return pending_.size() + gone_.size(); }
  /// The next changes: up to `most` connections, and no further one once their bytes exceed
  /// `most_bytes`.
  ConnectionChanges take(std::size_t most, std::size_t most_bytes);
  /// Takes what is left when nothing changes any more: what cannot go on elsewhere is told no more.
  /// Counts those of them whose answers come in pieces.
  std::size_t close();

  /// Whether the other server knows it.
  static bool is_told(const Connection& connection) { return connection.copy_id_ != 0; }
  /// For the other server: the name under which it was told of the connection; 0 for none.
  static CopyId id_of(const Connection& connection) { return connection.copy_id_; }
  static void set_id(Connection& connection, CopyId id) { connection.copy_id_ = id; }

 private:
  using Entries =
      boost::intrusive::list<CopyEntry,
                             boost::intrusive::base_hook<
                                 boost::intrusive::list_base_hook<boost::intrusive::tag<CopyTag>>>>;

  void remove(CopyEntry& entry);
  void append(CopyEntry& entry, CopyEntry::List list);

  bool is_open_ = false;
  CopyId last_id_ = 0;
  Entries pending_;
  /// They were not movable when they were to be told, and have not changed since.
  Entries stuck_;
  std::vector<CopyId> gone_;
};

}  // namespace voicectl
