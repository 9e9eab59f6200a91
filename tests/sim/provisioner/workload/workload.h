// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/sim/provisioner/workload/story.h"

namespace voicectl {

/// A plan that was carried out whole and did something else than its forecast had counted.
struct WrongForecast {
  std::vector<std::string> quantities;
  /// When, and what was forecast and counted.
  std::string what;
};

/// What came of a story.
struct Played {
  /// The first law that was broken, and when; absent: all held.
  std::optional<std::string> violation;
  /// Its name: "holders".
  std::string law;
  /// Calls of the daemon into the world: each is a point at which it could have died.
  std::size_t calls = 0;
  std::size_t ops = 0;
  std::map<Deed, std::size_t> faults;
  std::size_t daemons = 0;
  std::size_t hand_overs = 0;
  std::size_t promotions = 0;
  /// Events of sessions that callers were told are kept.
  std::size_t acknowledged = 0;
  /// Plans that were carried out whole, and those of them whose forecast counted otherwise.
  std::size_t forecasts = 0;
  std::vector<WrongForecast> wrong_forecasts;
  /// How long those plans took, by how long their forecasts said.
  std::vector<double> time_ratios;
  Duration simulated{0};
  /// Over every line of the daemon's log: equal stories give equal digests.
  std::string digest;
  /// The last lines of the daemon's log.
  std::string log_tail;
};

/// Plays a story with the whole control plane, unchanged, on simulated time, processes,
/// descriptors, files, nginx and holder. Then everything is healed, the last file is applied once
/// more, and it must come to rest.
///
/// Held at every simulated second, at every record and at every question to an instance:
///   holders        no tenant is held by two instances
///   acknowledged   what callers were told is kept is there, and nothing twice, whoever answers
///   ports          no port is that of two, or goes to another before it was given back
///   growth         epoch, generation and each tenant's token only grow
///   token          whoever gets a tenant gets a token above all that others served it with
///   journal        nobody is started, stopped or given a tenant but with an open intent
///   order          an instance is recorded when it has answered, told to stop when its last tenant
///                  has left (but for what an upgrade forces), and a port is given back when nobody
///                  accepts on it
///   quarantine     a port that was given back stays away for as long as was promised
///   listener       what the holder was given stays open as long as it runs
///   published      another configuration of the edge is recorded only when it was given that one
///   configuration  what an instance is told to read is what it finds there, or a newer one that is
///                  on its way to it
///   liveness       an instance that answers nothing is ended, also while it is being stopped
///   place          a tenant is, within seconds, with the instance where it is believed to be, by no
///                  newer token than is believed: unless the daemon has told that it cannot lend it,
///                  or something is being done to it
///   dwell          a tenant that is promoted was busy, one that is demoted was quiet, for the
///                  whole dwell, as far as the monitor could see
///   cooldown, budget   the monitor waits before it moves a tenant back, also if it is another
///                  daemon's by then, and keeps to its number
///   file           the daemon that is back knows the file that was last accepted
///   failure, forecast   while nothing has gone wrong yet, no action fails, and each plan does what
///                  its forecast had counted
/// Held in the end:
///   rest           another apply is empty, and no intent is open
///   served         each desired tenant is held by the instance that is recorded, at its port, and
///                  reachable
///   strays         what runs, listens, is leased and lies in folders is what is recorded
///   belief         what the registry would load is what the daemon believes
Played play(const Story& story);
std::optional<std::string> law_broken_by(const Story& story);

/// The name of the law that a story breaks; absent: all hold.
using LawOf = std::function<std::optional<std::string>(const Story& story)>;
/// The shortest story found that breaks `law` too, with numbers as small: ops are left out, and
/// then numbers made smaller, as long as it is broken. Another law would be another story.
Story shrink(Story story, const std::string& law, const LawOf& law_of = law_broken_by);

}  // namespace voicectl
