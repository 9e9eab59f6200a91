// SPDX-License-Identifier: Apache-2.0
// Whether the time of a signature's verification tells how much of it was right: Welch's t over two
// classes of wrong signatures, after the manner of dudect. Printed, not gated: it is a statement
// about a machine.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/os/system_clock.h"
#include "base/random.h"
#include "runtime/ultravox/events.h"
#include "runtime/ultravox/timestamp.h"
#include "runtime/webhook/record_updates.h"
#include "runtime/webhook/signature.h"

namespace voicectl::runtime {
namespace {

constexpr int kSamples = 100'000;
constexpr double kLeak = 4.5;

struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;

  void add(double value) {
    count += 1;
    const double off = value - mean;
    mean += off / count;
    squares += off * (value - mean);
  }
  double variance() const { return squares / (count - 1); }
};

double welch(const Moments& a, const Moments& b) {
  return (a.mean - b.mean) / std::sqrt(a.variance() / a.count + b.variance() / b.count);
}

/// t of two classes: `check(0)` has a signature that is wrong from its first character on,
/// `check(1)` one that is wrong in its last alone. The slowest tenth, where the machine did
/// something else, is left out, by one bound for both.
template <typename Check>
double measure(const Check& check) {
  SteadyClock clock;
  SeededRandom random(1);
  std::vector<std::pair<int, double>> samples;
  for (int i = 0; i < kSamples; ++i) {
    const int kind = static_cast<int>(random.below(2));
    const MonoTime begun = clock.now();
    check(kind);
    samples.emplace_back(kind, static_cast<double>((clock.now() - begun).count()));
  }
  std::vector<double> times;
  for (const auto& [kind, time] : samples) {
    times.push_back(time);
  }
  const auto bound = times.begin() + kSamples * 9 / 10;
  std::nth_element(times.begin(), bound, times.end());
  Moments moments[2];
  for (const auto& [kind, time] : samples) {
    if (time <= *bound) {
      moments[kind].add(time);
    }
  }
  return welch(moments[0], moments[1]);
}

void print(const char* what, double t) {
  fmt::print("{:<28} |t| = {:6.2f}  {}\n", what, std::abs(t),
             std::abs(t) < kLeak ? "no leak seen" : "LEAK, or a restless machine: run it again");
}

/// A check as it must not be: it ends at the first difference. Whoever measures must see that.
bool is_same_leaking(const std::string& a, const std::string& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

int run() {
  const std::vector<Secret> secrets = {Secret("first-secret"), Secret("second-secret")};
  const std::string body(600, 'x');
  const std::string timestamp = "2026-11-25T10:00:00Z";
  const WallTime now = *ultravox::parse_timestamp(timestamp);
  std::string signatures[2];
  signatures[0] = signatures[1] = ultravox::sign_event(secrets[0], body, timestamp);
  signatures[0].front() = signatures[0].front() == '0' ? '1' : '0';
  signatures[1].back() = signatures[1].back() == '0' ? '1' : '0';
  int accepted = 0;

  fmt::print("{} samples each\n", kSamples);
  print(
      "Ultravox's signature", measure([&](int kind) {
        const Status verified = verify_signature(secrets, {body, timestamp, signatures[kind]}, now);
        accepted += verified.has_value() ? 1 : 0;
      }));
  print("ERPNext's signature", measure([&](int kind) {
          const Status verified = verify_erpnext_signature(secrets, body, signatures[kind]);
          accepted += verified.has_value() ? 1 : 0;
        }));
  const double control = measure([&](int kind) {
    const std::string right = ultravox::sign_event(secrets[0], body, timestamp);
    accepted += is_same_leaking(right, signatures[kind]) ? 1 : 0;
  });
  fmt::print("{:<28} |t| = {:6.2f}  {}\n", "a check that leaks", std::abs(control),
             std::abs(control) < kLeak ? "not seen: this machine is too restless, run it again"
                                       : "seen, as it must be");
  return accepted == 0 && std::abs(control) >= kLeak ? 0 : 1;
}

}  // namespace
}  // namespace voicectl::runtime

int main() {
  return voicectl::runtime::run();
}
