#include "services/order-gateway/asset_map_questions.hpp"

#include <chrono>
#include <utility>

namespace perpwire::gateway {

AssetMapQuestions::AssetMapQuestions(const std::vector<std::string>& dexs, std::uint64_t seed)
    : backoff_(
          {.base = std::chrono::milliseconds{500}, .cap = std::chrono::seconds{5}, .seed = seed}) {
  entries_.push_back({.name = "perpDexs", .body = R"({"type":"perpDexs"})", .dex = {}});
  entries_.push_back({.name = "spotMeta", .body = R"({"type":"spotMeta"})", .dex = {}});
  for (const std::string& dex : dexs) {
    entries_.push_back(
        {.name = "meta:" + dex,
         .body = dex.empty() ? R"({"type":"meta"})" : R"({"type":"meta","dex":")" + dex + "\"}",
         .dex = dex});
  }
}

std::vector<AssetMapQuestions::Question> AssetMapQuestions::begin_round() {
  std::vector<Question> out;
  for (std::size_t id = 0; id < entries_.size(); ++id) {
    if (!entries_[id].answer) out.push_back({id, entries_[id].body});
  }
  outstanding_ = out.size();
  return out;
}

void AssetMapQuestions::on_answer(std::size_t id, Result<std::string> answer) {
  Entry& entry = entries_[id];
  --outstanding_;
  if (answer) {
    entry.answer = std::move(*answer);
  } else {
    entry.problem = answer.error().text;
  }
}

AssetMapQuestions::Outcome AssetMapQuestions::finish_round() {
  Outcome outcome;
  for (const Entry& entry : entries_) {
    if (entry.answer) continue;
    outcome.problem += (outcome.problem.empty() ? "" : "; ") + entry.name + ": " + entry.problem;
  }
  if (outcome.problem.empty()) {
    hyperliquid::InstrumentSources sources;
    sources.perp_dexs = std::move(*entries_[0].answer);
    sources.spot_meta = std::move(*entries_[1].answer);
    for (std::size_t id = 2; id < entries_.size(); ++id) {
      sources.metas.push_back({entries_[id].dex, std::move(*entries_[id].answer)});
    }
    // Which of them is at fault is not known: all are asked again.
    for (Entry& entry : entries_) entry.answer.reset();
    auto built = hyperliquid::Instruments::build(sources);
    if (built) {
      outcome.instruments = std::move(*built);
      outcome.next = kRefresh;
      backoff_.reset();
      return outcome;
    }
    outcome.problem = built.error().text;
  }
  outcome.next = kRetry + backoff_.next();
  return outcome;
}

}  // namespace perpwire::gateway
