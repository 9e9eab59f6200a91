// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// Chooses ports for holders ("tenant/<slug>", "instance/<name>"). A value: it changes nothing
/// outside, and remembers what it gave so that one plan never gives a port twice.
class PortAllocator {
 public:
  /// Leases that were released less than `quarantine` before `now` keep their port away from
  /// everybody, also from the holder that had it.
  PortAllocator(PortRange range,
                const std::vector<PortLease>& leases,
                WallTime now,
                Duration quarantine);

  /// The port that `holder` has, wherever it lies, or else the lowest free one of the range.
  /// ERRORS: kResourceExhausted when every port of the range is leased, in quarantine or held by
  /// another program.
  Result<Port> lease(const std::string& holder);

  /// Takes a port out of the choice: it is in use although no lease says so.
  void reserve(Port port);

  /// Another program holds the port: nobody gets it, and who has it leased gets another one.
  void block(Port port) { blocked_.insert(port); }

 private:
  PortRange range_;
  std::map<std::string, Port> held_;
  std::set<Port> taken_;
  std::set<Port> blocked_;
  std::size_t in_quarantine_ = 0;
  /// All below are known to be taken, so that a thousand leases are not a million looks.
  std::uint32_t next_;
};

}  // namespace voicectl
