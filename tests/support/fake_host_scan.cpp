// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_host_scan.h"

#include <functional>
#include <string_view>

namespace voicectl {
namespace {

/// Sockets of other programs have numbers that no real one of the simulation has.
constexpr std::uint64_t kForeignSockets = 1ULL << 40U;
constexpr std::uint32_t kStranger = 1234;
constexpr std::uint64_t kDisk = 1;
constexpr std::uint64_t kNoFile = 2;

FileKind kind_of(FakeFileSystem::Kind kind) {
  switch (kind) {
    case FakeFileSystem::Kind::kFile:
      return FileKind::kFile;
    case FakeFileSystem::Kind::kDirectory:
      return FileKind::kFolder;
    case FakeFileSystem::Kind::kLink:
      return FileKind::kLink;
    case FakeFileSystem::Kind::kSocket:
      return FileKind::kSocket;
  }
  return FileKind::kOther;
}

/// No clock here: another text, mode or owner is another time, and all of them are long ago.
std::int64_t time_of(const FakeFileSystem::Entry& entry) {
  constexpr std::size_t kSecond = 1'000'000'000;
  const std::string all = std::to_string(static_cast<int>(entry.kind)) + ' ' +
                          std::to_string(static_cast<unsigned>(entry.mode)) + ' ' +
                          std::to_string(entry.owner.uid) + ' ' + std::to_string(entry.owner.gid) +
                          ' ' + entry.content;
  return static_cast<std::int64_t>(std::hash<std::string>{}(all) % kSecond);
}

}  // namespace

Result<std::optional<FileFacts>> FakeHostScan::look(const std::string& path) {
  for (std::size_t end = path.find('/', 1); obeys_modes && end != std::string::npos;
       end = path.find('/', end + 1)) {
    const FakeFileSystem::Entry* const folder = files_.find(path.substr(0, end));
    if (folder != nullptr && (static_cast<std::uint32_t>(folder->mode) & 0100U) == 0) {
      return Error(ErrorCode::kPermissionDenied, "cannot look at '" + path + "'");
    }
  }
  const FakeFileSystem::Entry* const entry = files_.find(path);
  if (entry == nullptr) {
    return std::optional<FileFacts>();
  }
  FileFacts out;
  out.kind = kind_of(entry->kind);
  out.mode = static_cast<std::uint32_t>(entry->mode);
  out.uid = entry->owner.uid;
  out.gid = entry->owner.gid;
  out.size = entry->content.size();
  out.identity = {kDisk, std::hash<std::string>{}(path)};
  out.changed_ns = time_of(*entry);
  out.target = entry->kind == FakeFileSystem::Kind::kLink ? entry->content : "";
  return std::optional(std::move(out));
}

std::unique_ptr<HostScan::Glance> FakeHostScan::glance(std::vector<Seen> seen) {
  class FakeGlance final : public Glance {
   public:
    FakeGlance(FakeHostScan& scan, std::vector<Seen> seen) : scan_(scan), seen_(std::move(seen)) {}
    std::vector<std::size_t> touched() override {
      std::vector<std::size_t> out;
      for (std::size_t index = 0; index < seen_.size(); ++index) {
        const Result<std::optional<FileFacts>> now = scan_.look(*seen_[index].path);
        if (now.has_error() || stamp_of(*now) != seen_[index].stamp) {
          out.push_back(index);
        }
      }
      return out;
    }

   private:
    FakeHostScan& scan_;
    std::vector<Seen> seen_;
  };
  return std::make_unique<FakeGlance>(*this, std::move(seen));
}

std::vector<ProcessFacts> FakeHostScan::processes() {
  std::vector<ProcessFacts> out;
  for (const ProcessIdentity& who : processes_.running()) {
    if (const LaunchSpec* const spec = processes_.spec_of(who)) {
      ProcessFacts facts;
      facts.pid = who.pid;
      facts.start_ticks = who.start_ticks;
      facts.parent = 1;
      facts.program = spec->argv.front();
      facts.arguments = spec->argv;
      out.push_back(std::move(facts));
    }
  }
  return out;
}

std::vector<ListenerFacts> FakeHostScan::listeners() {
  std::vector<ListenerFacts> out;
  for (const Port port : network_.foreign_ports()) {
    out.push_back({port.value(), kForeignSockets + port.value(), kStranger});
  }
  return out;
}

std::optional<std::uint64_t> FakeHostScan::socket_inode(int descriptor) {
  return FakeNetwork::number_of(descriptor);
}

std::vector<std::optional<FileIdentity>> FakeHostScan::bound_files(
    const std::vector<int>& descriptors) {
  ++bound_files_asked;
  std::vector<std::optional<FileIdentity>> out;
  out.reserve(descriptors.size());
  for (const int descriptor : descriptors) {
    out.emplace_back(bound_file(descriptor));
  }
  return out;
}

FileIdentity FakeHostScan::bound_file(int descriptor) const {
  constexpr std::string_view kUnix = "unix:";
  const std::string address = network_.address_of(descriptor);
  if (!address.starts_with(kUnix) || !network_.is_listening(descriptor)) {
    // One that listens no more has no file: what lies at its path is another's.
    return FileIdentity{kNoFile, FakeNetwork::number_of(descriptor).value_or(0)};
  }
  return FileIdentity{kDisk, std::hash<std::string>{}(address.substr(kUnix.size()))};
}

std::optional<std::set<std::uint64_t>> FakeHostScan::sockets(int) {
  ++processes_read;
  return std::set<std::uint64_t>();
}

Status FakeHostScan::set_access(const std::string& path,
                                const FileFacts& seen,
                                FileMode mode,
                                std::optional<UserIds> owner) {
  const FakeFileSystem::Entry* const entry = files_.find(path);
  if (entry == nullptr || kind_of(entry->kind) != seen.kind) {
    return Error(ErrorCode::kConflict, "cannot set the mode of '" + path + "': it is another file");
  }
  files_.set_access(path, mode, owner.value_or(entry->owner));
  return ok_status();
}

Status FakeHostScan::signal_process(int pid, std::uint64_t start_ticks, int signal_number) {
  for (const ProcessIdentity& who : processes_.running()) {
    if (who.pid == pid && who.start_ticks == start_ticks) {
      processes_.signal_from_outside(who, signal_number);
    }
  }
  return ok_status();
}

}  // namespace voicectl
