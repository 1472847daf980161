#pragma once

#include "libs/common/settings.hpp"
#include "services/order-gateway/engine_ports.hpp"

#include <string>
#include <string_view>

namespace perpwire::gateway {

/// What one account's engine needs, out of the suite's settings.
/// Throws: ConfigError naming the key for a venue that this gateway does not speak.
EngineSettings engine_settings(const Settings& settings, const AccountSettings& account,
                               std::string_view instance, const std::string& boot_id,
                               bool journal_may_be_behind);

}  // namespace perpwire::gateway
