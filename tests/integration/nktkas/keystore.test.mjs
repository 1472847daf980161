// Keystore files of `perpwire keys` opened by ethers, and those of ethers imported by us: the same key comes out.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Wallet } from "ethers";

const perpwire = join(process.env.PERPWIRE_BIN_DIR, "perpwire");
const passphrase = "correct horse battery staple";
let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "perpwire-keystore-"));
  writeFileSync(join(folder, "passphrase"), `${passphrase}\n`);
  writeFileSync(
    join(folder, "perpwire.toml"),
    `mode = "sim"
run_dir = "${folder}/run"
data_dir = "${folder}/data"
[venues.hyperliquid]
rest_url = "http://127.0.0.1:4001"
ws_url = "ws://127.0.0.1:4001/ws"
symbols = ["BTC-USD"]
[accounts.main]
venue = "hyperliquid"
address = "0x14791697260e4c9a71f18484c9f997b308e59325"
key = "agent-1"
cloid_prefix = "0xf1a50001"
[signer]
keystore_dir = "${folder}/keys"
`,
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `perpwire --config ... -o json keys ...` with the passphrase on descriptor 3 (and another one on 4). */
function keys(...words) {
  const secret = openSync(join(folder, "passphrase"), "r");
  const other = openSync(join(folder, "passphrase"), "r");
  try {
    const out = execFileSync(perpwire, ["--config", join(folder, "perpwire.toml"), "-o", "json", "keys", ...words], {
      stdio: ["ignore", "pipe", "pipe", secret, other],
      encoding: "utf8",
    });
    return JSON.parse(out);
  } finally {
    closeSync(secret);
    closeSync(other);
  }
}

test("ethers opens a key that perpwire made", async () => {
  const made = keys("new", "agent-1", "--passphrase", "fd:3", "--light");
  const wallet = await Wallet.fromEncryptedJson(readFileSync(made.file, "utf8"), passphrase);
  assert.equal(wallet.address.toLowerCase(), made.address.toLowerCase());
  await assert.rejects(Wallet.fromEncryptedJson(readFileSync(made.file, "utf8"), "another"), /incorrect password/);
});

test("perpwire imports a key that ethers made, and ethers opens the copy", async () => {
  const wallet = Wallet.createRandom();
  const theirs = join(folder, "theirs.json");
  writeFileSync(theirs, await wallet.encrypt(passphrase));
  const made = keys("import", "agent-2", "--keystore", theirs, "--old-passphrase", "fd:4", "--passphrase", "fd:3", "--light");
  assert.equal(made.address.toLowerCase(), wallet.address.toLowerCase());
  const copy = await Wallet.fromEncryptedJson(readFileSync(made.file, "utf8"), passphrase);
  assert.equal(copy.privateKey, wallet.privateKey);
});
