// SPDX-License-Identifier: Apache-2.0
#include "runtime/archive/places.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/crypto.h"
#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

}  // namespace

Result<std::string> read_text(FileSystem& files, const std::string& path, std::size_t most) {
  VC_TRY(std::optional<std::string> text, files.read(path, most));
  if (!text) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot find '{}'", path));
  }
  return std::move(*text);
}

Result<TenantConfig> load_tenant_config(FileSystem& files, const std::string& path) {
  VC_TRY(const std::string text, read_text(files, path, kMostDocument));
  Result<TenantConfig> config = parse_tenant_config(text);
  return config.has_error() ? config.error().with_context(fmt::format("reading '{}'", path))
                            : std::move(config);
}

Result<MemberSeal> seal_of_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) {
    return posix_error(fmt::format("read '{}'", path), errno);
  }
  std::string piece(kPiece, '\0');
  Sha256 hash;
  MemberSeal seal;
  while (true) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0) {
      return posix_error(fmt::format("read '{}'", path), errno);
    }
    if (got == 0) {
      seal.sha256 = hash.hex();
      return seal;
    }
    hash.add(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    seal.size += static_cast<std::uint64_t>(got);
  }
}

}  // namespace voicectl::runtime
