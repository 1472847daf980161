// A Hyperliquid SDK that is not ours (@nktkas/hyperliquid, viem for the keys) against
// perpwire-venue-sim: place, modify, cancel, subscribe, over HTTP and over the WebSocket.
// Usage: run.sh; PERPWIRE_BIN_DIR names the folder of the binary.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import {
  ApiRequestError,
  ExchangeClient,
  HttpTransport,
  InfoClient,
  SubscriptionClient,
  WebSocketTransport,
} from "@nktkas/hyperliquid";
import { privateKeyToAccount } from "viem/accounts";
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket; // Node 20 has none of its own

const master = privateKeyToAccount(`0x${"11".repeat(32)}`);
const agent = privateKeyToAccount(`0x${"22".repeat(32)}`);
const stranger = privateKeyToAccount(`0x${"33".repeat(32)}`);
const seed = process.env.SEED ?? "0";
const binary = path.join(process.env.PERPWIRE_BIN_DIR ?? ".", "perpwire-venue-sim");

let venue;
let rest;
const sockets = [];

before(async () => {
  const args = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--block-ms", "70"];
  args.push("--seed", seed, "--limits", "off", "--fund", `${master.address}=100000`);
  args.push("--agent", `${master.address}=${agent.address}`);
  venue = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  while (!/listening rest=(\S+)/.test(text)) {
    const [chunk] = await once(venue.stdout, "data");
    text += chunk;
  }
  rest = /listening rest=(\S+)/.exec(text)[1];
});

after(async () => {
  for (const socket of sockets) await socket.close();
  venue.kill("SIGTERM");
  const [code] = await once(venue, "exit");
  assert.equal(code, 0);
});

const http = () => new HttpTransport({ isTestnet: true, apiUrl: `http://${rest}` });
function socket() {
  const transport = new WebSocketTransport({ isTestnet: true, url: `ws://${rest}/ws` });
  sockets.push(transport);
  return transport;
}

/** Waits until `find` gives something true. */
async function eventually(find, what) {
  for (let i = 0; i < 100; i++) {
    const found = await find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`did not happen within 5 s: ${what}`);
}

const order = (fields) => ({
  a: 0, b: true, p: "97000", s: "0.001", r: false, t: { limit: { tif: "Gtc" } }, ...fields,
});

for (const [name, transport, wallet] of [
  ["HTTP, signed by the account", http, master],
  ["HTTP, signed by an agent", http, agent],
  ["WebSocket posts", socket, agent],
]) {
  describe(name, () => {
    let exchange;
    let info;
    before(() => {
      const shared = transport();
      exchange = new ExchangeClient({ transport: shared, wallet });
      info = new InfoClient({ transport: shared });
    });
    const user = master.address;

    test("an order rests, is found by oid and cloid, is modified, is cancelled", async () => {
      const cloid = `0xf1a5${Date.now().toString(16).padStart(28, "0")}`;
      const placed = await exchange.order({ orders: [order({ c: cloid })], grouping: "na" });
      const { oid } = placed.response.data.statuses[0].resting;
      const known = async () => (await info.openOrders({ user })).find((o) => o.cloid === cloid);
      const open = await eventually(known, "the order is open");
      assert.equal(open.oid, oid);
      assert.equal((await info.orderStatus({ user, oid })).order.status, "open");

      await exchange.modify({ oid, order: order({ p: "97001", c: cloid }) });
      const moved = await eventually(async () => {
        const now = await known();
        return now && now.oid !== oid && now;
      }, "the modified order has a new oid");
      assert.equal(moved.limitPx, "97001.0");
      assert.equal((await info.orderStatus({ user, oid })).order.status, "canceled");

      await exchange.cancelByCloid({ cancels: [{ asset: 0, cloid }] });
      assert.equal(await known(), undefined);
    });

    test("a market-like order fills and moves the position", async () => {
      const size = async () => {
        const state = await info.clearinghouseState({ user });
        const btc = state.assetPositions.find((p) => p.position.coin === "BTC");
        return Number(btc?.position.szi ?? 0);
      };
      const before_ = await size();
      const done = await exchange.order({
        orders: [order({ p: "99000", s: "0.002", t: { limit: { tif: "Ioc" } } })],
        grouping: "na",
      });
      const { filled } = done.response.data.statuses[0];
      assert.equal(filled.totalSz, "0.002");
      assert.ok(Math.abs((await size()) - before_ - 0.002) < 1e-9);
      const fills = await info.userFills({ user });
      assert.equal(fills.find((fill) => fill.oid === filled.oid).crossed, true);
    });

    test("several orders in one action, cancelled by oid in one", async () => {
      const orders = ["90000", "90001", "90002"].map((p) => order({ p, s: "0.0002" }));
      const placed = await exchange.order({ orders, grouping: "na" });
      const oids = placed.response.data.statuses.map((status) => status.resting.oid);
      assert.equal(new Set(oids).size, 3);
      const gone = await exchange.cancel({ cancels: oids.map((o) => ({ a: 0, o })) });
      assert.deepEqual(gone.response.data.statuses, ["success", "success", "success"]);
    });

    test("orders of a builder DEX have their own asset numbers and states", async () => {
      const dexs = await info.perpDexs();
      const index = dexs.findIndex((dex) => dex?.name === "flx");
      assert.equal(index, 3);
      const a = 100000 + index * 10000; // flx:TSLA
      const placed = await exchange.order({
        orders: [order({ a, p: "380", s: "0.1" })],
        grouping: "na",
      });
      const { oid } = placed.response.data.statuses[0].resting;
      await eventually(
        async () => (await info.openOrders({ user, dex: "flx" })).some((o) => o.oid === oid),
        "the order is open on its DEX",
      );
      assert.ok(!(await info.openOrders({ user })).some((o) => o.oid === oid));
      await exchange.cancel({ cancels: [{ a, o: oid }] });
    });

    test("refusals come in the venue's words", async () => {
      const refused = (action) => assert.rejects(action, ApiRequestError);
      await refused(exchange.order({ orders: [order({ s: "1000" })], grouping: "na" }));
      await refused(exchange.cancel({ cancels: [{ a: 0, o: 1 }] }));
      await refused(exchange.updateLeverage({ asset: 0, isCross: true, leverage: 100 }));
      const nobody = new ExchangeClient({ transport: transport(), wallet: stranger });
      await assert.rejects(nobody.order({ orders: [order()], grouping: "na" }),
        /User or API Wallet 0x[0-9a-f]{40} does not exist/);
    });

    test("leverage, trigger orders, TWAP and schedule are understood", async () => {
      await exchange.updateLeverage({ asset: 1, isCross: false, leverage: 5 });
      const data = await info.activeAssetData({ user, coin: "ETH" });
      assert.deepEqual(data.leverage, { type: "isolated", value: 5 });
      const stop = order({
        b: false, p: "80000", r: true,
        t: { trigger: { isMarket: true, triggerPx: "80000", tpsl: "sl" } },
      });
      await exchange.order({ orders: [stop], grouping: "na" });
      const waiting = await eventually(
        async () => (await info.frontendOpenOrders({ user })).find((o) => o.isTrigger),
        "the stop is shown",
      );
      assert.equal(waiting.orderType, "Stop Market");
      await exchange.cancel({ cancels: [{ a: 0, o: waiting.oid }] });
      const twap = await exchange.twapOrder({
        twap: { a: 0, b: true, s: "0.01", r: false, m: 5, t: false },
      });
      const { twapId } = twap.response.data.status.running;
      await exchange.twapCancel({ a: 0, t: twapId });
      await assert.rejects(exchange.scheduleCancel({ time: Date.now() + 60_000 }),
        /until enough volume traded/);
    });
  });
}

test("user-signed actions: an agent is approved and then signs", async () => {
  const other = privateKeyToAccount(`0x${"44".repeat(32)}`);
  const exchange = new ExchangeClient({ transport: http(), wallet: master });
  await exchange.approveAgent({ agentAddress: other.address, agentName: "second" });
  const info = new InfoClient({ transport: http() });
  const agents = await info.extraAgents({ user: master.address });
  assert.ok(agents.some((one) => one.name === "second"));
  const byAgent = new ExchangeClient({ transport: http(), wallet: other });
  const placed = await byAgent.order({ orders: [order({ p: "91000" })], grouping: "na" });
  const { oid } = placed.response.data.statuses[0].resting;
  await byAgent.cancel({ cancels: [{ a: 0, o: oid }] });
  await exchange.usdClassTransfer({ amount: "10", toPerp: false });
});

test("subscriptions bring books, trades, orders and fills", async () => {
  const transport = socket();
  const streams = new SubscriptionClient({ transport });
  const exchange = new ExchangeClient({ transport, wallet: agent });
  const user = master.address;
  const seen = { book: [], bbo: [], trades: [], candle: [], ctx: [], mids: [], updates: [], fills: [],
    events: [], state: [], open: [] };
  const coin = "BTC";
  const subscriptions = await Promise.all([
    streams.l2Book({ coin }, (data) => seen.book.push(data)),
    streams.bbo({ coin }, (data) => seen.bbo.push(data)),
    streams.trades({ coin }, (data) => seen.trades.push(data)),
    streams.candle({ coin, interval: "1m" }, (data) => seen.candle.push(data)),
    streams.activeAssetCtx({ coin }, (data) => seen.ctx.push(data)),
    streams.allMids((data) => seen.mids.push(data)),
    streams.orderUpdates({ user }, (data) => seen.updates.push(...data)),
    streams.userFills({ user }, (data) => seen.fills.push(data)),
    streams.userEvents({ user }, (data) => seen.events.push(data)),
    streams.clearinghouseState({ user }, (data) => seen.state.push(data)),
    streams.openOrders({ user }, (data) => seen.open.push(data)),
  ]);
  const done = await exchange.order({
    orders: [order({ p: "99000", t: { limit: { tif: "Ioc" } } })],
    grouping: "na",
  });
  const { oid } = done.response.data.statuses[0].filled;
  await eventually(() => {
    const states = seen.updates.filter((one) => one.order.oid === oid).map((one) => one.status);
    return states.join() === "open,filled";
  }, "orderUpdates brings open, then filled");
  await eventually(
    () => seen.fills.some((data) => !data.isSnapshot && data.fills.some((fill) => fill.oid === oid)),
    "userFills brings the fill",
  );
  assert.equal(seen.fills[0].isSnapshot, true);
  await eventually(() => seen.events.some((event) => "fills" in event), "userEvents brings it too");
  for (const [name, list] of Object.entries(seen)) {
    await eventually(() => list.length > 0, `${name} brings something`);
  }
  await eventually(() => seen.book.length > 2, "books keep coming");
  assert.equal(seen.book[0].levels[0].length, 20);
  await Promise.all(subscriptions.map((one) => one.unsubscribe()));
});
