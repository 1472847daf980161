#include "libs/venues/hyperliquid/decode.hpp"
#include "tools/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>

namespace perpwire::cli {
namespace {

struct DecodeOptions {
  std::string venue;
  std::string file;
  bool final_book = false;
};

/// Lines from a file, or from standard input for "-".
Outcome<void> read_lines(const std::string& file,
                         const std::function<void(std::string_view)>& each) {
  if (file == "-") {
    for (std::string line; std::getline(std::cin, line);) each(line);
    return {};
  }
  const auto done = hyperliquid::for_each_line(file, each);
  if (!done) return fail_with(Exit::kUsage, done.error().text);
  return {};
}

Outcome<void> decode(Session& /*session*/, const DecodeOptions& options) {
  const bool events = !options.final_book;  // then standard output is the one object
  hyperliquid::Decoder decoder(
      [events](std::string_view event) {
        if (events) std::cout << event << "\n";
      },
      [](std::string_view note) { std::cerr << note << "\n"; });
  const auto read = read_lines(options.file, [&](std::string_view line) { decoder.line(line); });
  if (!read) return read;
  if (options.final_book) std::cout << decoder.final_book() << "\n";
  const auto& counts = decoder.counts();
  std::cerr << fmt::format("{} lines: {} decoded to {} events, {} ignored, {} malformed\n",
                           counts.lines, counts.decoded, counts.events, counts.ignored,
                           counts.malformed);
  if (counts.malformed == 0) return {};
  return fail_with(Exit::kUsage,
                   fmt::format("expected well-formed lines, found {} malformed", counts.malformed));
}

}  // namespace

void add_decode_command(Registry& registry) {
  const auto options = std::make_shared<DecodeOptions>();
  auto& app = registry.add(registry.root, "decode",
                           "offline: recorded frames to normalised events as JSON lines",
                           [options](Session& session) { return decode(session, *options); });
  app.add_option("file", options->file, "plain or gzip, - for standard input")->required();
  app.add_option("--venue", options->venue, "whose frames they are")
      ->required()
      ->check(CLI::IsMember({"hyperliquid"}));
  app.add_flag("--final-book", options->final_book,
               "instead of the events: one object, the books as they stand at the end");
}

}  // namespace perpwire::cli
