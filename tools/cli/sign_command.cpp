#include "libs/venues/hyperliquid/sign_lines.hpp"
#include "tools/cli/commands.hpp"

#include <fmt/format.h>

#include <iostream>

namespace perpwire::cli {

void add_sign_command(Registry& registry) {
  registry.add(registry.root, "sign",
               "offline: JSON lines {private_key, network, action, nonce, vault_address, "
               "expires_after} in, {action_hash, r, s, v, signer} out",
               [](Session&) -> Outcome<void> {
                 const auto errors = hyperliquid::sign_json_lines(std::cin, std::cout);
                 if (errors == 0) return {};
                 return fail_with(Exit::kUsage,
                                  fmt::format("expected lines that can be signed, found {} that "
                                              "cannot: see \"error\" in the output",
                                              errors));
               });
}

}  // namespace perpwire::cli
