#include "tools/venue-sim/api/answers.hpp"

#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/api/market_views.hpp"

#include <nlohmann/json.hpp>

namespace perpwire::sim {
namespace {

struct AnswerJson {
  const Universe& universe;

  Json operator()(const Resting& answer) const {
    Json out = Json::object();
    out["resting"]["oid"] = answer.oid;
    if (!answer.cloid.empty()) {
      out["resting"]["cloid"] = answer.cloid;
    }
    return out;
  }
  Json operator()(const Filled& answer) const {
    const Market& market = universe.markets[answer.market];
    Json out = Json::object();
    auto& filled = out["filled"];
    filled["totalSz"] = market.text(answer.size);
    filled["avgPx"] = average_text(market, answer.cost, answer.size);
    filled["oid"] = answer.oid;
    if (!answer.cloid.empty()) {
      filled["cloid"] = answer.cloid;
    }
    return out;
  }
  Json operator()(const Refused& answer) const {
    Json out = Json::object();
    out["error"] = answer.text;
    return out;
  }
  Json operator()(const WaitingForFill&) const { return "waitingForFill"; }
  Json operator()(const WaitingForTrigger&) const { return "waitingForTrigger"; }
  Json operator()(const Success&) const { return "success"; }
};

Json twap_data(const ActionResult& result) {
  Json data = Json::object();
  if (result.twap == 0) {
    data["status"]["error"] = result.text;
  } else if (result.type == "twapCancel") {
    data["status"] = "success";
  } else {
    data["status"]["running"]["twapId"] = result.twap;
  }
  return data;
}

}  // namespace

std::string encode_error(std::string_view text) {
  Json out = Json::object();
  out["status"] = "err";
  out["response"] = text;
  return out.dump();
}

std::string encode_answer(const Universe& universe, const ActionResult& result) {
  if (result.kind == ActionResult::Kind::kError) {
    return encode_error(result.text);
  }
  Json out = Json::object();
  out["status"] = "ok";
  auto& response = out["response"];
  response["type"] = result.type;
  switch (result.kind) {
    case ActionResult::Kind::kStatuses: {
      Json statuses = Json::array();
      for (const auto& answer : result.statuses) {
        statuses.push_back(std::visit(AnswerJson{universe}, answer));
      }
      response["data"]["statuses"] = std::move(statuses);
      break;
    }
    case ActionResult::Kind::kTwap:
      response["data"] = twap_data(result);
      break;
    case ActionResult::Kind::kText:
      response["data"] = result.text;
      break;
    case ActionResult::Kind::kDefault:
    case ActionResult::Kind::kError:
      break;
  }
  return out.dump();
}

}  // namespace perpwire::sim
