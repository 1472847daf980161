#include "libs/common/contract_json.hpp"
#include "perpwire/v1/requests.pb.h"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/transport.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <map>

namespace perpwire::cli {
namespace {

/// Instruments of each DEX, as marketstream knows them; empty while it is down.
std::map<std::string, std::size_t> instruments_by_dex(Session& session, const Settings& settings) {
  v1::PageRequest request;
  request.set_type("get_instruments");
  request.set_request_id(new_request_id());
  request.set_venue(Session::kVenue);
  const auto answer = Caller("marketstream", settings.marketstream.requests, session.timeout())
                          .ask(request.SerializeAsString());
  std::map<std::string, std::size_t> counts;
  v1::PageReply reply;
  if (!answer || answer->empty() || !parse_payload(answer->front(), reply)) return counts;
  for (const auto& instrument : reply.instruments()) {
    const auto& pair = instrument.trading_pair();
    const auto colon = pair.find(':');
    ++counts[colon == std::string::npos ? "" : pair.substr(0, colon)];
  }
  return counts;
}

Outcome<void> list(Session& session) {
  const auto found = session.settings();
  if (!found) return tl::unexpected(found.error());
  const Settings& settings = **found;
  const auto venue = settings.venues.find(Session::kVenue);
  if (venue == settings.venues.end()) {
    return fail_with(Exit::kUsage, fmt::format("{}: expected a table [venues.{}], found none",
                                               settings.file.string(), Session::kVenue));
  }
  const auto counts = instruments_by_dex(session, settings);
  Table table({"dex", "aliases", "configured pairs", "instruments"});
  std::string json = "[";
  for (const auto& dex : venue->second.dexs) {
    std::vector<std::string> aliases;
    for (const auto& [alias, name] : venue->second.dex_aliases) {
      if (name == dex) aliases.push_back(alias);
    }
    std::size_t pairs = 0;
    for (const auto& symbol : venue->second.symbols) {
      const auto colon = symbol.find(':');
      if ((colon == std::string::npos ? "" : symbol.substr(0, colon)) == dex) ++pairs;
    }
    const auto known = counts.find(dex);
    const std::string name = dex.empty() ? "main" : dex;
    table.add({name, cell(fmt::format("{}", fmt::join(aliases, ", "))), std::to_string(pairs),
               known == counts.end() ? kNothing : std::to_string(known->second)});
    std::string alias_json;
    for (const auto& alias : aliases) {
      alias_json += (alias_json.empty() ? "" : ",") + json_text(alias);
    }
    json += fmt::format(R"({}{{"dex":{},"aliases":[{}],"configured_pairs":{},"instruments":{}}})",
                        json.size() > 1 ? ",\n " : "", json_text(name), alias_json, pairs,
                        known == counts.end() ? "null" : std::to_string(known->second));
  }
  if (session.json()) {
    std::cout << json << "]\n";
  } else {
    std::cout << table.text();
  }
  return {};
}

}  // namespace

void add_dex_commands(Registry& registry) {
  auto& group = registry.group("dex", "the main DEX and builder DEXes");
  registry.add(group, "list", "configured DEXes, their aliases and how much they list", list);
}

}  // namespace perpwire::cli
