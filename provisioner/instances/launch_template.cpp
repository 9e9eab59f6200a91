// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/launch_template.h"

#include "runtime/control/protocol.h"

namespace voicectl {

LaunchSpec make_launch_spec(const LaunchTemplate& launch,
                            const InstanceId& instance,
                            InstanceKind kind,
                            const InstanceDescriptors& descriptors) {
  LaunchSpec spec;
  spec.argv = {launch.program, "--instance", instance.str()};
  spec.argv.insert(spec.argv.end(), launch.arguments.begin(), launch.arguments.end());
  spec.environment = launch.environment;
  spec.descriptors = {FdGrant{descriptors.log, 1}, FdGrant{descriptors.log, 2},
                      FdGrant{descriptors.control, control::kControlDescriptor},
                      FdGrant{descriptors.admin, control::kAdminDescriptor}};
  spec.user = launch.user;
  spec.max_descriptors = launch.max_descriptors;
  spec.max_address_space = launch.max_address_space;
  spec.niceness = kind == InstanceKind::kDedicated ? launch.dedicated_niceness : 0;
  return spec;
}

}  // namespace voicectl
