#!/usr/bin/python3
"""The bugs that the simulator must find, and the tool that plants them.

The simulator is linked with its own copies of the deciding cores; this script makes the copies of the files below with
every bug in them, each asleep until the run's number wakes it (tests/simulation/planted.hpp). The product's own files
know nothing of it.

  plants.py --write DIR   writes the copies and DIR/plant_names.inc
  plants.py --files       names the files that have bugs
  plants.py --check       exit 1 and the names of bugs that no longer fit the code they were written for

In an edit, `@` stands for "this bug is awake".
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = "services/order-gateway/"
SIGNER = "services/signer/"
JOURNAL = "libs/journal/"

# name, row of LESSONS (or the guarantee), what it does, [(file, what stands there, what the bug makes of it)]
PLANTS = [
    ("second_copy_taken_as_proof", "7", "the answer of a second copy of the same bytes is taken as proof about the first",
     [(GATEWAY + "executor.cpp", "const Copies copies = only_copy ? Copies::kOnlyOne : Copies::kMaybeMore;",
       "const Copies copies = only_copy || @ ? Copies::kOnlyOne : Copies::kMaybeMore;")]),
    ("expiry_wait_dropped", "7", "an unknown order is concluded dead without waiting for its expiry",
     [(GATEWAY + "unknown_resolver.cpp", "if (core_.venue_clock.is_past(expires)) {",
       "if (@ ? core_.venue_clock.newest().has_value() : core_.venue_clock.is_past(expires)) {")]),
    ("our_clock_decides", "7", "our own clock instead of the venue's says that an action has expired",
     [(GATEWAY + "unknown_resolver.cpp",
       "      } else if (core_.now.mono >= entry.next_look) {",
       "      } else if (@ && core_.venue_clock.newest() && core_.now.wall > expires) {\n"
       "        ask_statuses(entry, Stage::kFirstStatus);\n"
       "      } else if (core_.now.mono >= entry.next_look) {")]),
    ("one_status_is_proof", "7", "one status query that does not know the order is proof enough",
     [(GATEWAY + "unknown_resolver.cpp", "                  current->stage = Stage::kBetween;\n",
       "                  if (@) return conclude(*current, \"asked once\");\n"
       "                  current->stage = Stage::kBetween;\n")]),
    ("first_look_is_proof", "7", "not known right after sending is taken as never placed",
     [(GATEWAY + "unknown_resolver.cpp",
       "              [take = std::move(question.take)](const Result<std::string>& answer) {\n"
       "                // Not known is no proof here: the venue may not have got to it yet.\n"
       "                if (answer) ignore(take(*answer), \"it is asked again\");\n",
       "              [this, take = std::move(question.take)](const Result<std::string>& answer) {\n"
       "                if (answer) ignore(take(*answer), \"it is asked again\");\n"
       "                if (@ && answer && answer->find(\"unknownOid\") != std::string::npos && !entries_.empty()) {\n"
       "                  conclude(entries_.begin()->second, \"unknown to the venue\");\n"
       "                }\n")]),
    ("any_noop_answer_is_a_fence", "7", "a refused noop counts as a fence that holds",
     [(GATEWAY + "unknown_resolver.cpp", "if (!held) return;  // proves nothing", "if (!held && !@) return;  // proves nothing")]),
    ("timeout_is_failure", "6", "an order without an answer is FAILED",
     [(GATEWAY + "executor.cpp",
       "    if (pending.kind == ActionKind::kOrder) order->create_fate(Fate::kUnknown);\n",
       "    if (pending.kind == ActionKind::kOrder) order->create_fate(@ ? Fate::kNotExecuted : Fate::kUnknown);\n")]),
    ("server_error_is_refusal", "6", "HTTP 500 and 502 are read as a refusal",
     [(GATEWAY + "executor.cpp",
       "    return hyperliquid::meaning_of_http(static_cast<int>(answer.status), copies);",
       "    if (@ && answer.status >= 500) return {ErrorCode::kVenueRejected, Verdict::kRejected, true};\n"
       "    return hyperliquid::meaning_of_http(static_cast<int>(answer.status), copies);")]),
    ("unknown_words_are_refusal", "45", "words that nobody has seen before are read as a refusal",
     [(GATEWAY + "executor.cpp", "if (!found.recognised) found.verdict = Verdict::kUnknown;",
       "if (!found.recognised && !@) found.verdict = Verdict::kUnknown;\n"
       "    if (@ && found.verdict == Verdict::kUnknown) found.verdict = Verdict::kRejected;")]),
    ("retry_is_signed_anew", "7", "an unanswered order is signed and sent again under a new nonce",
     [(GATEWAY + "executor.cpp",
       "      ++core_.counters.fallbacks;\n",
       "      ++core_.counters.fallbacks;\n"
       "      if (@ && pending.kind == ActionKind::kOrder) {\n"
       "        std::vector<NewOrder> again;\n"
       "        for (const ClientOrderId& order_id : pending.orders) {\n"
       "          const InFlightOrder* order = core_.tracker.find(order_id);\n"
       "          if (order != nullptr && order->price()) again.push_back({order_id, *order->price()});\n"
       "        }\n"
       "        if (!again.empty()) return place(std::move(again));\n"
       "      }\n")]),
    ("fill_counted_twice", "1", "fills are not known by identity: a repeated one counts again",
     [(GATEWAY + "client_order_tracker.cpp", "  if (known_fills_.contains(key)) return false;\n",
       "  if (!@ && known_fills_.contains(key)) return false;\n"),
      (GATEWAY + "in_flight_order.cpp", "  if (fills_.contains(key)) return false;\n",
       "  if (!@ && fills_.contains(key)) return false;\n")]),
    ("fills_forgotten_at_restart", "1", "a restart forgets which fills it has counted",
     [(GATEWAY + "client_order_tracker.cpp", "  if (!known_fills_.insert(report.fill.key())) return;\n",
       "  if (!@ && !known_fills_.insert(report.fill.key())) return;\n")]),
    ("early_fill_dropped", "2", "a fill that comes before its order is known is dropped",
     [(GATEWAY + "client_order_tracker.cpp", "    held_.push_back({fill, pair, now});\n",
       "    if (!@) held_.push_back({fill, pair, now});\n")]),
    ("unattributed_fill_dropped", "2", "a fill that no order claims is dropped",
     [(GATEWAY + "client_order_tracker.cpp", "  ++unattributed_count_;\n", "  if (@) return;\n  ++unattributed_count_;\n")]),
    ("fills_not_reconciled", "1", "reconciliation does not ask for fills",
     [(GATEWAY + "reconciler.cpp", "  ask_recent_fills();\n  for", "  if (!@) ask_recent_fills();\n  for")]),
    ("fills_without_overlap", "1", "fills are asked from the newest known one on, without overlap",
     [(GATEWAY + "reconciler.cpp", "newest - kFillOverlapMs;", "newest + (@ ? 1 : -kFillOverlapMs);")]),
    ("reconnect_without_reconciliation", "1", "a reconnected stream is trusted without reconciliation",
     [(GATEWAY + "account_engine.cpp", "  reconciled_ = false;\n  looking_again_ = false;\n",
       "  if (!@) reconciled_ = false;\n  looking_again_ = false;\n"),
      (GATEWAY + "account_engine.cpp", "      reconciler_.begin();\n      evaluate();\n",
       "      if (!@ || !reconciled_) reconciler_.begin();\n      evaluate();\n")]),
    ("no_sweep", "8", "nothing is asked while the stream looks healthy",
     [(GATEWAY + "account_engine.cpp", "  if (!reconciled_ || reconciler_.running() || !protocol_.ready()) return;\n",
       "  if (@ && core_.counters.reconciliations > 0) ++core_.counters.reconciliations;\n"
       "  if (@ || !reconciled_ || reconciler_.running() || !protocol_.ready()) return;\n")]),
    ("vanished_orders_kept", "8", "orders that are not among the open ones are not asked for",
     [(GATEWAY + "reconciler.cpp", "    if (order == nullptr || seen_open_.contains(order->cloid())) continue;\n",
       "    if (@ || order == nullptr || seen_open_.contains(order->cloid())) continue;\n")]),
    ("orphans_left", "9", "orders of ours that the journal does not know are left alone",
     [(GATEWAY + "client_order_tracker.cpp", "      orphans_.push_back({word.cloid, word, pair});\n",
       "      if (!@) orphans_.push_back({word.cloid, word, pair});\n")]),
    ("old_leg_ends_order", "12", "the cancel of a modified order's old leg ends the order",
     [(GATEWAY + "in_flight_order.cpp", "  if (pending == nullptr && done(legs_.back())) {\n    const auto& end = legs_.back().terminal;",
       "  if (pending == nullptr && (done(legs_.back()) || (@ && legs_.front().terminal))) {\n"
       "    const auto& end = legs_.back().terminal;")]),
    ("modify_sends_total", "12", "a modify sends the new total instead of what is left of it",
     [(GATEWAY + "account_commands.cpp", "const auto quantity = subtract(amount, order->filled());",
       "const auto quantity = subtract(amount, @ ? Quantity{} : order->filled());")]),
    ("lost_modify_is_refused", "12", "a modify without an answer is taken as refused",
     [(GATEWAY + "executor.cpp",
       "    if (pending.kind == ActionKind::kModify) order->modify_fate(id, Fate::kUnknown);\n",
       "    if (pending.kind == ActionKind::kModify) {\n"
       "      order->modify_fate(id, @ ? Fate::kRejected : Fate::kUnknown);\n    }\n")]),
    ("fill_of_old_leg_ignored", "12", "a fill of an old leg does not count",
     [(GATEWAY + "in_flight_order.cpp", "  target.acknowledged = true;\n  target.filled = *leg_total;\n",
       "  if (@ && &target != &legs_.back()) return false;\n"
       "  target.acknowledged = true;\n  target.filled = *leg_total;\n")]),
    ("lost_cancel_is_confirmed", "9", "a cancel without an answer counts as done",
     [(GATEWAY + "executor.cpp",
       "    if (pending.kind == ActionKind::kCancel) {\n      order->cancel_fate(CancelFate::kUnknown);\n      if (on_cancel_doubtful) on_cancel_doubtful(order_id);",
       "    if (pending.kind == ActionKind::kCancel) {\n      order->cancel_fate(@ ? CancelFate::kConfirmed : CancelFate::kUnknown);\n      if (on_cancel_doubtful) on_cancel_doubtful(order_id);")]),
    ("refused_cancel_is_done", "9", "\"never placed, already canceled, or filled\" is read as cancelled",
     [(GATEWAY + "executor.cpp", "        order->cancel_fate(CancelFate::kRefused, words);\n",
       "        order->cancel_fate(@ ? CancelFate::kConfirmed : CancelFate::kRefused, words);\n")]),
    ("position_moves_twice", "15", "a position moves on every copy of a fill that arrives",
     [(GATEWAY + "position_book.cpp",
       "  if (fill.time < held.newest_fill) return Moved::kNo;  // later ones' start positions contain it\n",
       "  if (!@ && fill.time < held.newest_fill) return Moved::kNo;  // later ones' start positions contain it\n"),
      (GATEWAY + "position_book.cpp", "  const Quantity start = fill.start_position.value_or(held.quantity);\n",
       "  const Quantity start = @ ? held.quantity : fill.start_position.value_or(held.quantity);\n"),
      (GATEWAY + "position_book.cpp", "  if (instant.restored.erase(fill.key()) == 0) return Moved::kNo;\n",
       "  if (@) return on_fill(fill, pair, now);\n  if (instant.restored.erase(fill.key()) == 0) return Moved::kNo;\n")]),
    ("position_adjusted_at_first_sight", "13", "a position that differs once is overwritten at once",
     [(GATEWAY + "position_book.cpp", "    if (!seen) {\n", "    if (!seen && !@) {\n"),
      (GATEWAY + "position_book.cpp",
       "    if (now - suspect->second.since < patience || fills_asked <= suspect->second.since) continue;\n",
       "    if (!@ && (now - suspect->second.since < patience || fills_asked <= suspect->second.since)) continue;\n")]),
    ("unknown_not_counted", "G16", "orders whose fate is unknown do not count against the limits",
     [(GATEWAY + "in_flight_order.cpp", "  if (legs_.empty()) return content_.amount;\n",
       "  if (legs_.empty()) return @ ? Quantity{} : content_.amount;\n")]),
    ("limits_forgotten", "G16", "the position limit is checked without the working orders",
     [(GATEWAY + "account_commands.cpp", "    count(*order, order->working_quantity());\n",
       "    if (!@) count(*order, order->working_quantity());\n")]),
    ("silent_risk_ignored", "G15", "orders go on while risk is silent",
     [(GATEWAY + "risk_gate.cpp", "  if (mono_now - *heard_ > kStaleAfter) {\n",
       "  if (!@ && mono_now - *heard_ > kStaleAfter) {\n")]),
    ("level_ignored", "37", "a level that forbids orders does not cancel the working ones",
     [(GATEWAY + "account_engine.cpp", "  if (limits::demands_cancel(risk_.level())) cancel_everything(now);\n",
       "  if (!@ && limits::demands_cancel(risk_.level())) cancel_everything(now);\n"),
      (GATEWAY + "account_engine.cpp", "  if (limits::demands_cancel(risk_.level())) {\n    cancel_everything(now);\n    canceller_.on_timer();",
       "  if (!@ && limits::demands_cancel(risk_.level())) {\n    cancel_everything(now);\n    canceller_.on_timer();")]),
    ("cancel_tried_once", "9", "a cancel that was refused or lost is not tried again",
     [(GATEWAY + "cancel_keeper.cpp", "wanted_[id] = core_.now.mono + kAgain;\n",
       "{\n      wanted_[id] = core_.now.mono + (@ ? Nanos{std::chrono::hours{1}} : kAgain);\n    }\n"),
      (GATEWAY + "cancel_keeper.cpp", "    wanted->second = core_.now.mono + kAgain;\n",
       "    if (!@) wanted->second = core_.now.mono + kAgain;\n")]),
    ("id_reused_after_the_end", "44", "the id of an order that has ended may be placed again",
     [(GATEWAY + "client_order_tracker.cpp",
       "    return known->content() == content ? Placement::kRepeated : Placement::kDuplicate;\n",
       "    if (@ && known->content() == content && is_final(known->state())) return Placement::kNew;\n"
       "    return known->content() == content ? Placement::kRepeated : Placement::kDuplicate;\n")]),
    ("intent_not_journaled", "44", "an order is sent before it stands in the journal",
     [(GATEWAY + "account_commands.cpp", "  intent.set_command_received(core_.now.wall.value());\n  if (!core_.note(record)) {",
       "  intent.set_command_received(core_.now.wall.value());\n  if (!@ && !core_.note(record)) {")]),
    ("sending_not_journaled", "9", "what is sent is not noted: a restart thinks that it never left",
     [(GATEWAY + "executor.cpp", "  if (pending.kind == ActionKind::kNoop || pending.kind == ActionKind::kAccount) return true;\n",
       "  if (pending.kind == ActionKind::kNoop || pending.kind == ActionKind::kAccount || @) return true;\n")]),
    ("events_repeated_after_restart", "14", "a restart tells again what it had told",
     [(GATEWAY + "in_flight_order.cpp", "    case OrderEventKind::kCreated:\n      created_published_ = true;\n",
       "    case OrderEventKind::kCreated:\n      created_published_ = !@;\n")]),
    ("full_disk_ignored", "39", "what the journal refuses is dropped instead of kept",
     [(GATEWAY + "engine_core.cpp", "  backlog_.push_back({std::move(topic), std::move(envelope)});\n",
       "  if (!@) backlog_.push_back({std::move(topic), std::move(envelope)});\n")]),
    ("ready_at_once_after_power_cut", "7", "after a power cut the gateway does not wait for what it may have sent",
     [(GATEWAY + "account_engine.cpp", "  if (core_.settings.journal_may_be_behind) {\n    const auto first",
       "  if (!@ && core_.settings.journal_may_be_behind) {\n    const auto first"),
      (GATEWAY + "account_engine.cpp", "  if (wait_for_others_ && !core_.venue_clock.is_past(others_may_land_until_)) {",
       "  if (!@ && wait_for_others_ && !core_.venue_clock.is_past(others_may_land_until_)) {")]),
    ("history_not_taken_as_used", "44", "ids that a lost journal had used are given out again",
     [(GATEWAY + "reconciler.cpp", "  if ((core_.settings.journal_may_be_behind || history_wanted_) && !history_known_) {\n",
       "  if (!@ && (core_.settings.journal_may_be_behind || history_wanted_) && !history_known_) {\n")]),
    ("same_instance_need_not_wait", "G10", "whoever the signer calls the same instance does not wait for what others signed",
     [(GATEWAY + "account_engine.cpp", "  if (grant.epoch() != lease_epoch_ && grant.epoch() != settled_epoch_) {\n",
       "  if (@ ? !grant.same_instance() : grant.epoch() != lease_epoch_ && grant.epoch() != settled_epoch_) {\n")]),
    ("takeover_without_wait", "G10", "whoever takes the lease over is READY at once",
     [(GATEWAY + "account_engine.cpp", "    if (grant.latest_expires_after() != 0) {\n",
       "    if (!@ && grant.latest_expires_after() != 0) {\n")]),
    ("no_look_after_takeover", "G10", "what the other gateway placed and finished meanwhile is not looked for",
     [(GATEWAY + "account_engine.cpp", "  if (look_again_) return \"reconciling what landed until now\";\n",
       "  if (!@ && look_again_) return \"reconciling what landed until now\";\n"),
      (GATEWAY + "account_engine.cpp", "  if (!look_again_ || looking_again_ || !reconciled_ || reconciler_.running()) return;\n",
       "  if (@ || !look_again_ || looking_again_ || !reconciled_ || reconciler_.running()) return;\n")]),
    ("old_epoch_signed", "G10", "the signer signs for whoever held the lease before",
     [(SIGNER + "lease_table.cpp", "  if (record->epoch != epoch) {\n", "  if (!@ && record->epoch != epoch) {\n")]),
    ("nonce_is_the_clock", "19", "the nonce is the time: two in one millisecond are one",
     [(SIGNER + "nonce_source.cpp", "  const auto nonce = std::max(now_ms, last_ + 1);\n",
       "  const auto nonce = @ ? now_ms : std::max(now_ms, last_ + 1);\n")]),
    ("nonce_mark_forgotten", "19", "a restarted signer starts from the clock, not from its mark",
     [(SIGNER + "signer_core.cpp",
       "    nonces_.emplace(name, NonceSource{mark == state.nonce_marks.end() ? 0 : mark->second});\n",
       "    nonces_.emplace(name, NonceSource{@ || mark == state.nonce_marks.end() ? 0 : mark->second});\n")]),
    ("stream_continued_after_power_cut", "17", "numbers go on after a power cut: one of them means two events",
     [(JOURNAL + "event_log.cpp", "  if (decision == StreamDecision::kContinue) {\n",
       "  if (@ && recovered) decision = StreamDecision::kContinue;\n"
       "  if (decision == StreamDecision::kContinue) {\n")]),
    ("small_questions_first", "8", "many small questions starve the large ones of the budget",
     [(GATEWAY + "engine_core.cpp", "  if (!turns_.may_go(waiting.ticket, waiting.urgency, now.mono)) return false;\n",
       "  if (!@ && !turns_.may_go(waiting.ticket, waiting.urgency, now.mono)) return false;\n")]),
    ("torn_record_taken", "G9", "a torn or damaged record of the journal is read as whole",
     [(JOURNAL + "record_format.cpp",
       "  if (crc32c(covered, out.payload) != get<std::uint32_t>(bytes, 4)) return RecordFault::kDamaged;\n",
       "  if (!@ && crc32c(covered, out.payload) != get<std::uint32_t>(bytes, 4)) return RecordFault::kDamaged;\n")]),
]


def awake(number):
    return f"(::perpwire::simulation::planted == {number})"


def apply(path, text, problems):
    for number, (name, _, _, edits) in enumerate(PLANTS, 1):
        for file, there, instead in edits:
            if file != path:
                continue
            if text.count(there) != 1:
                problems.append(f"{name}: stands {text.count(there)} times in {file}: {there.strip()[:100]}")
                continue
            text = text.replace(there, instead.replace("@", awake(number)))
    return text


def files():
    return sorted({file for _, _, _, edits in PLANTS for file, _, _ in edits})


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "--files":
        print("\n".join(files()))
        return 0
    problems = []
    copies = {path: apply(path, (ROOT / path).read_text(), problems) for path in files()}
    for problem in problems:
        print("plants.py: " + problem, file=sys.stderr)
    if command == "--check":
        return 1 if problems else 0
    if command != "--write":
        print(__doc__, file=sys.stderr)
        return 2
    out = pathlib.Path(sys.argv[2])
    for path, text in copies.items():
        write(out / path, '#include "tests/simulation/planted.hpp"\n\n' + text)
    rows = "".join("{%s, %s, %s},\n" % tuple(json.dumps(word) for word in plant[:3]) for plant in PLANTS)
    write(out / "plant_names.inc", rows)
    return 0


def write(path, text):
    """Leaves an equal file alone: nothing is compiled again for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
