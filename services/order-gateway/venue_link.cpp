#include "services/order-gateway/venue_link.hpp"

#include "libs/common/crash_point.hpp"
#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/endpoints.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>
#include <variant>

namespace perpwire::gateway {
namespace {

using hyperliquid::AccountProtocol;

constexpr Nanos kInfoTimeout = std::chrono::seconds{5};
constexpr Nanos kExchangeTimeout = std::chrono::seconds{10};

net::HttpHeaders json_headers() { return {{"Content-Type", "application/json"}}; }

}  // namespace

Now present() { return {.wall = wall_clock_now(), .mono = monotonic_now()}; }

VenueLink::VenueLink(boost::asio::io_context& io, AccountEngine& engine, net::HttpClient& http,
                     const Endpoints& endpoints, std::function<SignerClient*()> signer)
    : engine_(engine), http_(http), endpoints_(endpoints), signer_(std::move(signer)), wake_(io) {
  net::WebSocketOptions options;
  options.url = endpoints.ws_url;
  options.proxy_url = endpoints.proxy;
  options.tls = endpoints.tls;
  options.policy.keep_alive.kind = net::KeepAliveOptions::Kind::kText;
  options.policy.keep_alive.text = AccountProtocol::ping_frame();
  options.is_pong = AccountProtocol::is_pong;
  // Posts of a full batch are large, and forty of them may wait.
  options.send_queue_capacity = 1'024;
  net::WebSocketCallbacks callbacks;
  callbacks.on_open = [this] {
    spdlog::info("account={} user stream connected", engine_.settings().account);
    run([](AccountEngine& target, Now now) { target.on_stream_open(now); });
  };
  callbacks.on_text = [this](std::string_view text, UnixNanos /*received*/) {
    crash_point("gateway.frame_received");
    run([text](AccountEngine& target, Now now) { target.on_frame(text, now); });
  };
  callbacks.on_close = [this](const net::CloseReason& reason) {
    spdlog::warn("account={} user stream closed: {} {}", engine_.settings().account,
                 net::to_string(reason.kind), reason.text);
    run([](AccountEngine& target, Now now) { target.on_stream_closed(now); });
  };
  session_ = std::make_unique<net::WebSocketSession>(io, options, callbacks);
}

void VenueLink::run(const std::function<void(AccountEngine&, Now)>& input) {
  run(input, present());
}

void VenueLink::run(const std::function<void(AccountEngine&, Now)>& input, Now at) {
  input(engine_, at);
  drain();
}

void VenueLink::drain() {
  if (draining_) return;  // the outer call goes on until nothing is left
  draining_ = true;
  for (auto outs = engine_.take_out(); !outs.empty(); outs = engine_.take_out()) {
    for (EngineOut& out : outs) perform(out);
  }
  draining_ = false;
  schedule_wake();
}

void VenueLink::schedule_wake() {
  const auto at = engine_.wakes_at();
  if (at == wakes_at_) return;
  wakes_at_ = at;
  if (!at) return;  // one that fires in vain does no harm
  wake_.expires_after(*at - monotonic_now());
  wake_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    wakes_at_.reset();
    run([](AccountEngine& engine, Now now) { engine.on_wake(now); });
  });
}

void VenueLink::perform(EngineOut& out) {
  if (auto* sign = std::get_if<SignOut>(&out)) {
    perform(*sign);
  } else if (auto* ws = std::get_if<SendWs>(&out)) {
    perform(*ws);
  } else if (auto* rest = std::get_if<SendRest>(&out)) {
    perform(*rest);
  } else if (auto* ask = std::get_if<AskOut>(&out)) {
    perform(*ask);
  } else if (auto* frame = std::get_if<SendFrame>(&out)) {
    if (const Status sent = session_->send_text(std::move(frame->text)); !sent) {
      spdlog::warn("account={} frame not sent: {}", engine_.settings().account, sent.error().text);
    }
  } else if (auto* drop = std::get_if<DropStream>(&out)) {
    session_->reconnect(drop->reason);
  } else if (auto* line = std::get_if<LogLine>(&out)) {
    switch (line->level) {
      case LogLevel::kInfo:
        spdlog::info("{}", line->text);
        break;
      case LogLevel::kWarning:
        spdlog::warn("{}", line->text);
        break;
      case LogLevel::kError:
        spdlog::error("{}", line->text);
        break;
    }
  }
}

void VenueLink::perform(SendWs& send) {
  const ActionId action = send.action;
  const auto tell = [this, action](CopyFate fate) {
    run([action, fate](AccountEngine& target, Now now) {
      target.on_copy_left(action, true, fate, now);
    });
  };
  const Status queued = session_->send_text(
      AccountProtocol::post_action_frame(send.post_id, send.body), [tell](net::SendFate fate) {
        switch (fate) {
          case net::SendFate::kWritten:
            crash_point("gateway.action_written");
            tell(CopyFate::kLeft);
            break;
          case net::SendFate::kNeverLeft:
            tell(CopyFate::kNeverLeft);
            break;
          case net::SendFate::kUnknown:
            tell(CopyFate::kUnknown);
            break;
        }
      });
  crash_point("gateway.action_queued");
  if (!queued) tell(CopyFate::kNeverLeft);
}

void VenueLink::perform(SendRest& send) {
  const ActionId action = send.action;
  http_.post(endpoints_.rest_url + std::string(hyperliquid::kExchangePath), std::move(send.body),
             json_headers(), kExchangeTimeout, [this, action](net::HttpResult result) {
               CopyAnswer answer;
               if (result) {
                 run([action, &result](AccountEngine& target, Now now) {
                   now.wall = result->sent;
                   target.on_copy_left(action, false, CopyFate::kLeft, now);
                 });
               }
               if (!result) {
                 answer.kind = result.error().fate == net::HttpError::Fate::kNeverLeft
                                   ? CopyAnswer::Kind::kNeverLeft
                                   : CopyAnswer::Kind::kLost;
                 answer.reason = result.error().error.text;
               } else {
                 answer.kind = result->status == 200 ? CopyAnswer::Kind::kBody
                                                     : CopyAnswer::Kind::kHttpStatus;
                 answer.status = result->status;
                 answer.body = std::move(result->body);
               }
               run([action, &answer](AccountEngine& target, Now now) {
                 target.on_copy_answer(action, false, answer, now);
               });
             });
}

void VenueLink::perform(AskOut& ask) {
  const QueryId id = ask.id;
  const auto failed = [this, id](Error error) {
    run([id, error = std::move(error)](AccountEngine& target, Now now) {
      target.on_query_answer(id, tl::unexpected<Error>(error), now);
    });
  };
  if (ask.post_id != 0) {
    const Status queued =
        session_->send_text(AccountProtocol::post_info_frame(ask.post_id, ask.body));
    if (!queued) failed(queued.error());
    return;
  }
  http_.post(endpoints_.rest_url + std::string(hyperliquid::kInfoPath), std::move(ask.body),
             json_headers(), kInfoTimeout, [this, id, failed](net::HttpResult result) {
               if (!result) return failed(result.error().error);
               if (result->status != 200) {
                 return failed(Error{
                     result->status == 429 ? ErrorCode::kRateLimited : ErrorCode::kVenueUnavailable,
                     "HTTP " + std::to_string(result->status)});
               }
               run([id, &result](AccountEngine& target, Now now) {
                 target.on_query_answer(id, result->body, now);
               });
             });
}

void VenueLink::perform(SignOut& sign) {
  const SignId id = sign.id;
  const auto tell = [this, id](const Result<v1::SignReply>& reply) {
    run([id, &reply](AccountEngine& target, Now now) { target.on_signed(id, reply, now); });
  };
  SignerClient* signer = signer_();
  if (signer == nullptr) {
    tell(fail(ErrorCode::kSignerUnavailable, "not connected to the signer yet"));
    return;
  }
  signer->request(std::move(sign.request), [tell](const Result<v1::SignReply>& reply) {
    crash_point("gateway.signed");
    tell(reply);
  });
  engine_.on_handed_to_signer(id, present());
}

}  // namespace perpwire::gateway
