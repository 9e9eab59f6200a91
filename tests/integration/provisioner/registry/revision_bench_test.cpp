// SPDX-License-Identifier: Apache-2.0
// What keeping every desired state costs: time, and bytes written to the disk.
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/sqlite_registry.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

DesiredState many_tenants(int count) {
  DesiredState out;
  out.platform.first_port = 10'000;
  out.platform.last_port = 30'000;
  for (int i = 0; i < count; ++i) {
    TenantSpec spec = a_recorded_tenant("t" + std::to_string(100'000 + i)).spec;
    for (int item = 0; item < 10; ++item) {
      spec.menu.push_back(MenuItem{.name = "Item " + std::to_string(item)});
    }
    out.tenants.push_back(std::move(spec));
  }
  return out;
}

/// What this process has written so far, as the kernel counts it.
std::int64_t bytes_written() {
  std::FILE* const file = std::fopen("/proc/self/io", "r");
  long long written = 0;
  for (char line[128]; file != nullptr && std::fgets(line, sizeof line, file) != nullptr;) {
    (void)std::sscanf(line, "wchar: %lld", &written);  // the line that is meant, or nothing
  }
  if (file != nullptr) {
    std::fclose(file);
  }
  return written;
}

template <typename Work>
void measure(const char* what, const Work& work) {
  const std::int64_t before = bytes_written();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  std::printf("  %-40s %8.1f ms, %9.1f KiB written\n", what, took.count(),
              static_cast<double>(bytes_written() - before) / 1024);
}

TEST(RevisionBench, AChangeCostsWhatItChanges) {
  std::vector<int> counts = {1'000};
#ifdef NDEBUG
  counts.push_back(10'000);
#endif
  for (const int count : counts) {
    const TempDir folder;
    const std::unique_ptr<Registry> registry = *open_sqlite_registry(folder.path("registry.db"));
    DesiredState desired = many_tenants(count);
    std::printf("%d tenants, a document of %zu KiB\n", count,
                render_desired_state(desired).size() / 1024);
    measure("the first revision", [&] { (void)registry->accept_desired(desired, {}).value(); });
    measure("the same again", [&] { (void)registry->accept_desired(desired, {}).value(); });
    desired.tenants[5].email = "other@shop.example";
    measure("one tenant changed", [&] { (void)registry->accept_desired(desired, {}).value(); });
    measure("read the first revision", [&] { (void)registry->read_revision(1).value(); });
    measure("load what is desired", [&] { (void)registry->load_desired().value(); });
  }
}

}  // namespace
}  // namespace voicectl
