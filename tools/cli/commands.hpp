#pragma once

#include "tools/cli/session.hpp"

namespace perpwire::cli {

// One group of commands a file: each adds its own to the registry.
void add_status_command(Registry& registry);
void add_config_commands(Registry& registry);
void add_md_commands(Registry& registry);
void add_order_commands(Registry& registry);
void add_account_commands(Registry& registry);  // position, balance
void add_risk_commands(Registry& registry);
void add_dex_commands(Registry& registry);
void add_doctor_command(Registry& registry);
void add_keys_commands(Registry& registry);
void add_approve_command(Registry& registry, CLI::App& keys);  // of the group `keys`
void add_rotate_commands(Registry& registry, CLI::App& keys);  // of the group `keys`
void add_journal_commands(Registry& registry);
void add_signer_commands(Registry& registry);
void add_panic_command(Registry& registry);
void add_sign_command(Registry& registry);
void add_decode_command(Registry& registry);
void add_completion_command(Registry& registry);

}  // namespace perpwire::cli
