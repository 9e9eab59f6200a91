// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "cli/command.h"

namespace voicectl {

/// A word that only has commands below it.
struct Group {
  std::string_view path;
  std::string_view summary;
};

std::vector<Group> command_groups();

/// Every command of the program, in the order of its help. One file each.
std::vector<Command> all_commands();

// The platform as a whole.
Command up_command();
Command down_command();
Command status_command();
Command validate_command();
Command plan_command();
Command drift_command();
Command adopt_command();
Command apply_command();
Command forecast_list_command();
Command history_command();
Command history_show_command();
Command diff_command();
Command rollback_command();
Command lock_show_command();
Command lock_steal_command();
Command ps_command();
Command logs_command();
Command events_command();
Command wait_command();
Command audit_command();
Command metrics_command();
Command metrics_dashboard_command();
Command metrics_rules_command();
Command version_command();

// Instances.
Command instance_restart_command();
Command instance_load_command();
Command host_load_command();
Command top_command();
Command why_command();
Command policy_show_command();
Command policy_set_command();
Command policy_record_command();
Command policy_replay_command();
Command policy_compare_command();
Command pool_rebalance_command();
Command upgrade_command();
Command upgrade_status_command();
Command upgrade_abort_command();

// Tenants.
Command tenant_list_command();
Command tenant_show_command();
Command tenant_load_command();
Command tenant_create_command();
Command tenant_delete_command();
Command tenant_export_command();
Command tenant_import_command();
Command tenant_check_command();
Command tenant_purge_command();
Command tenant_promote_command();
Command tenant_demote_command();
Command tenant_tier_command();
Command tenant_move_command();
Command tenant_key_create_command();
Command tenant_key_list_command();
Command tenant_key_rotate_command();
Command tenant_key_revoke_command();
Command tenant_secret_rotate_command();

// Sessions.
Command session_list_command();
Command session_show_command();
Command session_end_command();
Command session_migrate_command();

// What is owed to other systems.
Command outbox_list_command();
Command outbox_show_command();
Command outbox_retry_command();
Command outbox_drop_command();

}  // namespace voicectl
