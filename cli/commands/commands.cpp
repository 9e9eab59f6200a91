// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/commands.h"

namespace voicectl {

std::vector<Group> command_groups() {
  return {
      {"forecast", "See how well plans were forecast"},
      {"instance", "Replace the processes that serve tenants"},
      {"pool", "Even out the instances that many tenants share"},
      {"lock", "Show who is changing the platform, and take the lock away"},
      {"tenant", "Create, show, move and delete tenants"},
      {"tenant key", "Create, list, rotate and revoke a tenant's API keys"},
      {"session", "List, show, end and migrate live sessions"},
      {"outbox", "See, retry and drop what is owed to other systems"},
  };
}

std::vector<Command> all_commands() {
  return {
      up_command(),
      down_command(),
      status_command(),
      validate_command(),
      plan_command(),
      apply_command(),
      forecast_list_command(),
      history_command(),
      history_show_command(),
      diff_command(),
      rollback_command(),
      lock_show_command(),
      lock_steal_command(),
      ps_command(),
      logs_command(),
      events_command(),
      wait_command(),
      audit_command(),
      metrics_command(),
      instance_restart_command(),
      top_command(),
      why_command(),
      pool_rebalance_command(),
      upgrade_command(),
      upgrade_status_command(),
      upgrade_abort_command(),
      tenant_list_command(),
      tenant_show_command(),
      tenant_create_command(),
      tenant_delete_command(),
      tenant_export_command(),
      tenant_import_command(),
      tenant_check_command(),
      tenant_purge_command(),
      tenant_promote_command(),
      tenant_demote_command(),
      tenant_tier_command(),
      tenant_move_command(),
      tenant_key_create_command(),
      tenant_key_list_command(),
      tenant_key_rotate_command(),
      tenant_key_revoke_command(),
      session_list_command(),
      session_show_command(),
      session_end_command(),
      session_migrate_command(),
      outbox_list_command(),
      outbox_show_command(),
      outbox_retry_command(),
      outbox_drop_command(),
      version_command(),
  };
}

}  // namespace voicectl
