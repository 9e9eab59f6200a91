// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/listeners.h"

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace voicectl {
namespace {

constexpr std::string_view kNamePrefix = "tenant/";

std::string kept_name(const TenantId& tenant) {
  return std::string(kNamePrefix) + tenant.str();
}

std::optional<TenantId> tenant_of(std::string_view name) {
  if (!name.starts_with(kNamePrefix)) {
    return std::nullopt;
  }
  const Result<TenantId> tenant = TenantId::parse(std::string(name.substr(kNamePrefix.size())));
  return tenant.has_value() ? std::optional(*tenant) : std::nullopt;
}

}  // namespace

std::size_t ListenerBank::take_back(std::vector<KeptDescriptors> kept, const IsWanted& is_wanted) {
  std::size_t taken = 0;
  for (KeptDescriptors& one : kept) {
    const std::optional<TenantId> tenant = tenant_of(one.name);
    const bool is_pair = tenant && one.descriptors.size() == 2;
    if (!is_pair || !is_wanted(*tenant, ListenerPlaces{factory_.describe(one.descriptors[0]),
                                                       factory_.describe(one.descriptors[1])})) {
      if (is_pair) {
        // The store lets go of it some time later, and whoever binds it anew may come before.
        factory_.stop_listening(one.descriptors[0]);
        factory_.stop_listening(one.descriptors[1]);
      }
      store_.drop(one.name);
      continue;
    }
    held_.try_emplace(*tenant, Pair{std::move(one.descriptors[0]), std::move(one.descriptors[1]),
                                    ++last_binding_});
    ++taken;
  }
  return taken;
}

void ListenerBank::keep_all() {
  for (const auto& [tenant, pair] : held_) {
    keep(tenant, pair);
  }
}

void ListenerBank::keep(const TenantId& tenant, const Pair& pair) {
  store_.put(kept_name(tenant), {pair.unix_listener.get(), pair.tcp_listener.get()});
}

Status ListenerBank::bind(const TenantId& tenant,
                          const std::string& unix_path,
                          const SocketAccess& access,
                          Port port) {
  if (const auto held = held_.find(tenant); held != held_.end()) {
    const std::string where = factory_.describe(held->second.tcp_listener);
    if (where == "127.0.0.1:" + port.str()) {
      return ok_status();
    }
    return Error(
        ErrorCode::kConflict,
        fmt::format("cannot bind the listeners of tenant '{}' at port {}: they are held at "
                    "'{}'; release them first",
                    tenant.str(), port.value(), where));
  }
  Result<UniqueFd> unix_listener = factory_.bind_unix(unix_path, access);
  if (unix_listener.has_error()) {
    return unix_listener.error().with_context("binding tenant '" + tenant.str() + "'");
  }
  Result<UniqueFd> tcp_listener = factory_.bind_tcp(port);
  if (tcp_listener.has_error()) {
    factory_.close(std::move(*unix_listener));
    // A file that nobody keeps would look like an announced tenant.
    (void)files_.remove(unix_path);  // the reason to tell is the port
    return tcp_listener.error().with_context("binding tenant '" + tenant.str() + "'");
  }
  const auto held_now = held_
                            .emplace(tenant, Pair{std::move(*unix_listener),
                                                  std::move(*tcp_listener), ++last_binding_})
                            .first;
  keep(tenant, held_now->second);
  return ok_status();
}

Status ListenerBank::rebind(const TenantId& tenant,
                            const std::string& unix_path,
                            const SocketAccess& access) {
  const auto held = held_.find(tenant);
  if (held == held_.end()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot bind the socket of tenant '{}' anew: it has no listener",
                             tenant.str()));
  }
  VC_TRY(files_.remove(unix_path));
  // Nobody could come to it any more; what waits in its queue has to come again.
  factory_.stop_listening(held->second.unix_listener);
  Result<UniqueFd> bound = factory_.bind_unix(unix_path, access);
  if (bound.has_error()) {
    return bound.error().with_context("binding tenant '" + tenant.str() + "'");
  }
  held->second.unix_listener = std::move(*bound);
  held->second.binding = ++last_binding_;
  keep(tenant, held->second);
  return ok_status();
}

ListenerPlaces places_of_listeners(const std::string& unix_path, Port port) {
  return {"unix:" + unix_path, "127.0.0.1:" + port.str()};
}

std::uint64_t ListenerBank::take_over(const TenantId& tenant,
                                      UniqueFd unix_listener,
                                      UniqueFd tcp_listener) {
  if (const auto held = held_.find(tenant); held != held_.end()) {
    const bool is_same = factory_.is_same(held->second.unix_listener, unix_listener) &&
                         factory_.is_same(held->second.tcp_listener, tcp_listener);
    return is_same ? held->second.binding : 0;
  }
  const auto taken =
      held_
          .emplace(tenant, Pair{std::move(unix_listener), std::move(tcp_listener), ++last_binding_})
          .first;
  keep(tenant, taken->second);
  return taken->second.binding;
}

bool ListenerBank::holds(const TenantId& tenant) const {
  return held_.contains(tenant);
}

std::optional<ListenerDescriptors> ListenerBank::descriptors(const TenantId& tenant) const {
  const auto held = held_.find(tenant);
  if (held == held_.end()) {
    return std::nullopt;
  }
  return ListenerDescriptors{held->second.unix_listener.get(), held->second.tcp_listener.get(),
                             held->second.binding};
}

Status ListenerBank::release(const TenantId& tenant, const std::string& unix_path) {
  if (auto held = held_.extract(tenant); !held.empty()) {
    factory_.close(std::move(held.mapped().unix_listener));
    factory_.close(std::move(held.mapped().tcp_listener));
  }
  store_.drop(kept_name(tenant));
  return files_.remove(unix_path);
}

std::vector<TenantId> ListenerBank::tenants() const {
  std::vector<TenantId> out;
  out.reserve(held_.size());
  for (const auto& [tenant, pair] : held_) {
    out.push_back(tenant);
  }
  return out;
}

}  // namespace voicectl
