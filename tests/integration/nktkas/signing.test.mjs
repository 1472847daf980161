// `perpwire sign` against the signing of an SDK that is not ours: random actions of every kind, canonicalised by the SDK's own
// schemas, signed by both. Our input has its keys shuffled, zeros padded and hex digits in upper case: none of it may matter.
// PERPWIRE_ACTIONS = how many (default 1500), PERPWIRE_SEED = which.
import assert from "node:assert";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import * as exchange from "@nktkas/hyperliquid/api/exchange";
import { createL1ActionHash, signL1Action, signUserSignedAction } from "@nktkas/hyperliquid/signing";
import * as v from "valibot";
import { privateKeyToAccount } from "viem/accounts";

const bin = process.env.PERPWIRE_BIN_DIR;
const count = Number(process.env.PERPWIRE_ACTIONS ?? 1500);
const seed = Number(process.env.PERPWIRE_SEED ?? Date.now() % 1e9);

// mulberry32: repeatable from its seed.
let state = seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const flip = () => below(2) === 1;
const pick = (list) => list[below(list.length)];
const hex = (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join("");
const address = () => "0x" + hex(40);
// High bits set: the SDK turns a small cloid into a number where "oid or cloid" is taken.
const cloid = () => "0xf1a5" + hex(28);
const number = () => pick([0, 1, 127, 128, 255, 256, 65535, 65536, 110003, 4294967295, 4294967296, 411_234_567_890, 2 ** 53 - 1]);
function decimal() {
  const whole = below(3) ? String(below(10 ** (1 + below(6)))) : String(below(1e9)) + String(below(1e4));
  const places = below(Math.min(9, 19 - whole.length));  // 18 digits: what 64 bits hold whatever they are
  const text = places === 0 ? whole : `${whole}.${Array.from({ length: places }, () => below(10)).join("")}`;
  return Number(text) > 0 ? text : "1";
}
function order() {
  const made = {
    a: number(), b: flip(), p: decimal(), s: decimal(), r: flip(),
    t: flip()
      ? { limit: { tif: pick(["Gtc", "Ioc", "Alo", "FrontendMarket"]) } }
      : { trigger: { isMarket: flip(), triggerPx: decimal(), tpsl: pick(["tp", "sl"]) } },
  };
  return flip() ? { ...made, c: cloid() } : made;
}
const many = (make) => Array.from({ length: pick([1, 2, 15, 16, 17, 33]) }, make);
const oid = () => (flip() ? number() : cloid());
const usd = () => pick([1, 127, 128, 10_000_000, 4294967295, 4294967296, 10 ** 15]);

const l1 = {
  OrderRequest: () => ({
    type: "order", orders: many(order), grouping: pick(["na", "normalTpsl", "positionTpsl"]),
    ...(flip() ? { builder: { b: address(), f: below(1001) } } : {}),
  }),
  CancelRequest: () => ({ type: "cancel", cancels: many(() => ({ a: number(), o: number() })) }),
  CancelByCloidRequest: () => ({ type: "cancelByCloid", cancels: many(() => ({ asset: number(), cloid: cloid() })) }),
  ModifyRequest: () => ({ type: "modify", oid: oid(), order: order() }),
  BatchModifyRequest: () => ({ type: "batchModify", modifies: many(() => ({ oid: oid(), order: order() })) }),
  ScheduleCancelRequest: () => ({ type: "scheduleCancel", ...(flip() ? { time: number() } : {}) }),
  UpdateLeverageRequest: () => ({ type: "updateLeverage", asset: number(), isCross: flip(), leverage: 1 + below(50) }),
  UpdateIsolatedMarginRequest: () => ({
    type: "updateIsolatedMargin", asset: number(), isBuy: flip(), ntli: (flip() ? 1 : -1) * number(),
  }),
  TwapOrderRequest: () => ({
    type: "twapOrder", twap: { a: number(), b: flip(), s: decimal(), r: flip(), m: 5 + below(1000), t: flip() },
  }),
  TwapCancelRequest: () => ({ type: "twapCancel", a: number(), t: number() }),
  NoopRequest: () => ({ type: "noop" }),
  CreateSubAccountRequest: () => ({ type: "createSubAccount", name: pick(["x", "example"]) }),
  SubAccountTransferRequest: () => ({
    type: "subAccountTransfer", subAccountUser: address(), isDeposit: flip(), usd: usd(),
  }),
  SubAccountSpotTransferRequest: () => ({
    type: "subAccountSpotTransfer", subAccountUser: address(), isDeposit: flip(), token: "USDC:0x" + hex(32), amount: decimal(),
  }),
  VaultTransferRequest: () => ({ type: "vaultTransfer", vaultAddress: address(), isDeposit: flip(), usd: usd() }),
  VaultModifyRequest: () => ({
    type: "vaultModify", vaultAddress: address(), allowDeposits: pick([true, false, null]),
    alwaysCloseOnWithdraw: pick([true, false, null]),
  }),
  VaultDistributeRequest: () => ({ type: "vaultDistribute", vaultAddress: address(), usd: 10_000_000 + below(1e9) }),
  ReserveRequestWeightRequest: () => ({ type: "reserveRequestWeight", weight: usd() }),
  SetReferrerRequest: () => ({ type: "setReferrer", code: "CODE" }),
  ClaimRewardsRequest: () => ({ type: "claimRewards" }),
  SetDisplayNameRequest: () => ({ type: "setDisplayName", displayName: "name" }),
  EvmUserModifyRequest: () => ({ type: "evmUserModify", usingBigBlocks: flip() }),
  AgentSetAbstractionRequest: () => ({ type: "agentSetAbstraction", abstraction: pick(["i", "u", "p"]) }),
  TopUpIsolatedOnlyMarginRequest: () => ({ type: "topUpIsolatedOnlyMargin", asset: number(), leverage: decimal() }),
};
const chain = (mainnet) => ({ hyperliquidChain: mainnet ? "Mainnet" : "Testnet", signatureChainId: pick(["0x66eee", "0xa4b1"]) });
const user = {
  UsdSend: (m) => ({ type: "usdSend", ...chain(m), destination: address(), amount: decimal(), time: number() }),
  SpotSend: (m) => ({
    type: "spotSend", ...chain(m), destination: address(), token: "USDC:0x" + hex(32), amount: decimal(), time: number(),
  }),
  Withdraw3: (m) => ({ type: "withdraw3", ...chain(m), destination: address(), amount: decimal(), time: number() }),
  UsdClassTransfer: (m) => ({ type: "usdClassTransfer", ...chain(m), amount: decimal(), toPerp: flip(), nonce: number() }),
  SendAsset: (m) => ({
    type: "sendAsset", ...chain(m), destination: address(), sourceDex: "", destinationDex: "hyna", token: "USDC:0x" + hex(32),
    amount: decimal(), fromSubAccount: "", nonce: number(),
  }),
  ApproveAgent: (m) => ({
    type: "approveAgent", ...chain(m), agentAddress: address(), agentName: pick(["agent", "a"]), nonce: number(),
  }),
  ApproveBuilderFee: (m) => ({
    type: "approveBuilderFee", ...chain(m), maxFeeRate: "0.001%", builder: address(), nonce: number(),
  }),
  TokenDelegate: (m) => ({
    type: "tokenDelegate", ...chain(m), validator: address(), wei: usd(), isUndelegate: flip(), nonce: number(),
  }),
  CDeposit: (m) => ({ type: "cDeposit", ...chain(m), wei: usd(), nonce: number() }),
  CWithdraw: (m) => ({ type: "cWithdraw", ...chain(m), wei: usd(), nonce: number() }),
  UserSetAbstraction: (m) => ({
    type: "userSetAbstraction", ...chain(m), user: address(), abstraction: "unifiedAccount", nonce: number(),
  }),
};

/** The same value with keys in another order, decimals padded and hex in upper case where the venue does not care. */
function disguised(value, key) {
  if (Array.isArray(value)) return value.map((element) => disguised(element));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).sort(() => random() - 0.5).map(([k, x]) => [k, disguised(x, k)]));
  }
  if (["p", "s", "triggerPx"].includes(key) && typeof value === "string") return value.includes(".") ? value + "000" : value + ".0";
  if (typeof value === "string" && /^0x([0-9a-f]{32}|[0-9a-f]{40})$/.test(value)) return "0x" + value.slice(2).toUpperCase();
  return value;
}

test(`perpwire sign equals the SDK over ${count} random actions (seed ${seed})`, async () => {
  const inputs = [];
  const expected = [];
  for (let i = 0; i < count; ++i) {
    const privateKey = "0x" + hex(64);
    const wallet = privateKeyToAccount(privateKey);
    const mainnet = flip();
    const line = { private_key: privateKey, network: mainnet ? "mainnet" : "testnet" };
    if (below(5) > 0) {
      const [name, make] = pick(Object.entries(l1));
      const made = make();
      const action = v.parse(exchange[name].entries.action, made);
      const nonce = number();
      const vaultAddress = flip() ? address() : undefined;
      const expiresAfter = flip() ? number() : undefined;
      const signature = await signL1Action({ wallet, action, nonce, isTestnet: !mainnet, vaultAddress, expiresAfter });
      const hash = createL1ActionHash({ action, nonce, vaultAddress, expiresAfter });
      inputs.push({ ...line, action: disguised(made), nonce, vault_address: vaultAddress ?? null, expires_after: expiresAfter ?? null });
      expected.push({ signature, hash, signer: wallet.address.toLowerCase(), made });
    } else {
      const [name, make] = pick(Object.entries(user));
      const made = make(mainnet);
      const action = v.parse(exchange[name + "Request"].entries.action, made);
      const signature = await signUserSignedAction({ wallet, action, types: exchange[name + "Types"] });
      // Texts are signed as given: in the SDK's canonical form here.
      inputs.push({ ...line, action, nonce: made.time ?? made.nonce });
      expected.push({ signature, signer: wallet.address.toLowerCase(), made });
    }
  }
  const run = spawnSync(`${bin}/perpwire`, ["sign"], {
    input: inputs.map((line) => JSON.stringify(line)).join("\n") + "\n", maxBuffer: 1 << 28,
  });
  const lines = run.stdout.toString().trim().split("\n").map((line) => JSON.parse(line));
  assert.strictEqual(lines.length, count, run.stderr.toString());
  lines.forEach((line, i) => {
    const { signature, hash, signer, made } = expected[i];
    const where = `line ${i + 1}: ${JSON.stringify(made)} ${line.error ?? ""}`;
    assert.strictEqual(BigInt(line.r ?? 0), BigInt(signature.r), where);
    assert.strictEqual(BigInt(line.s ?? 0), BigInt(signature.s), where);
    assert.strictEqual(line.v, signature.v, where);
    assert.strictEqual(line.signer, signer, where);
    if (hash) assert.strictEqual(line.action_hash, hash, where);
  });
});
