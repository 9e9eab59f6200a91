// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// `desired`, in which tenants that wait for the data of an import go on waiting for them.
///
/// A document that a person keeps does not say whence a tenant's data come. Applied while the
/// import is not carried out yet, it would make the tenant without them. Who wants that deletes the
/// tenant first.
DesiredState with_open_imports(DesiredState desired,
                               const std::optional<DesiredState>& before,
                               const Snapshot& snapshot);

}  // namespace voicectl
