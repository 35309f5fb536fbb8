// Opens, makes and verifies what Landfall seals and signs, with libsodium and from docs/reference/wire.md alone.
//
// Requests come as JSON, one a line, and each is answered with one line: {"holds":true, …} or {"holds":false,"why":…}.
// The last answer is the exit code. Every primitive is libsodium's; this file only puts them together.
"use strict";

const sodium = require("libsodium-wrappers");
const readline = require("node:readline");

const TAG = 16;
const HEADER = 80;
const SIZES = [16384, 262144];

const text = (value) => Buffer.from(value, "utf8");
const unb64 = (value) => Buffer.from(value, "base64url");
const b64 = (value) => Buffer.from(value).toString("base64url");

class Refused extends Error {}

function must(holds, why) {
  if (!holds) throw new Refused(why);
}

// BLAKE2b with a person. The wrappers have no parameter for it, so it goes where BLAKE2b puts it: into the last two of the
// eight words of the first state (RFC 7693, 2.5 with the parameter block of BLAKE2), before anything is compressed.
function blake(size, person, data, key = null) {
  const state = sodium.crypto_generichash_init(key, size);
  text(person).forEach((byte, at) => { sodium.libsodium.HEAPU8[state + 48 + at] ^= byte; });
  sodium.crypto_generichash_update(state, data);
  return Buffer.from(sodium.crypto_generichash_final(state, size));
}

function lp(value) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, value]);
}

function covered(asked) {
  const hashed = blake(64, "LF1/sign", text(asked.content));
  return Buffer.concat([text("LF1/signature\0"), Buffer.from([asked.type]), lp(text(asked.network)), unb64(asked.skid), hashed]);
}

function isSigned(asked, signature) {
  return sodium.crypto_sign_verify_detached(signature, covered(asked), unb64(asked.signer));
}

function keys(dh, epk, asked, head) {
  const suite = head.subarray(4, 6);
  const parts = [dh, epk, unb64(asked.epoch_public), lp(text(asked.network)), lp(text(asked.recipient)), suite];
  const prk = blake(32, "LFE1/extract", Buffer.concat(parts));
  const none = Buffer.alloc(0);
  return { commit: blake(32, "LFE1/commit", head, prk), key: blake(32, "LFE1/key", none, prk), nonce: blake(24, "LFE1/nonce", none, prk) };
}

function commitment(section) {
  const bytes = [lp(text(section.name)), lp(text(JSON.stringify(section.readers))), unb64(section.body)];
  return blake(32, "LF1/section", Buffer.concat(bytes), unb64(section.key));
}

function innerOf(asked) {
  const parts = [Buffer.from([asked.type]), unb64(asked.skid), unb64(asked.signature), lp(text(asked.content)), Buffer.from([asked.sections.length])];
  for (const one of asked.sections) {
    if ("commitment" in one) parts.push(lp(Buffer.alloc(0)), unb64(one.commitment));
    else parts.push(lp(text(one.name)), lp(text(JSON.stringify(one.readers))), unb64(one.key), lp(unb64(one.body)));
  }
  parts.push(lp(unb64(asked.riders)));
  return Buffer.concat(parts);
}

function make(asked) {
  const epk = Buffer.from(sodium.crypto_scalarmult_base(unb64(asked.ephemeral_secret)));
  const kid = blake(16, "LFE1/kid", unb64(asked.epoch_public)).subarray(0, 8);
  const head = Buffer.concat([text("LFE1"), Buffer.from([0, 1, 0, 0]), kid, epk]);
  const dh = sodium.crypto_scalarmult(unb64(asked.ephemeral_secret), unb64(asked.epoch_public));
  const made = keys(dh, epk, asked, head);
  const inner = innerOf(asked);
  const size = SIZES.find((one) => one >= inner.length);
  const full = Buffer.concat([head, made.commit]);
  const padded = Buffer.concat([inner, Buffer.alloc(size - inner.length)]);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, full, null, made.nonce, made.key);
  return { envelope: b64(Buffer.concat([full, sealed])) };
}

class Reader {
  constructor(raw) { this.raw = raw; this.at = 0; }
  take(size) {
    must(this.at + size <= this.raw.length, "it ends too early");
    this.at += size;
    return this.raw.subarray(this.at - size, this.at);
  }
  lp() { return this.take(this.take(4).readUInt32BE()); }
}

function readInner(raw) {
  const inner = new Reader(raw);
  const found = { type: inner.take(1)[0], skid: b64(inner.take(32)), signature: inner.take(64), content: inner.lp().toString("utf8"), sections: [] };
  const count = inner.take(1)[0];
  for (let each = 0; each < count; each += 1) {
    const name = inner.lp().toString("utf8");
    if (name === "") found.sections.push(b64(inner.take(32)));
    else {
      const readers = JSON.parse(inner.lp().toString("utf8"));
      found.sections.push(b64(commitment({ name, readers, key: b64(inner.take(32)), body: b64(inner.lp()) })));
    }
  }
  found.riders = b64(inner.lp());
  must(raw.subarray(inner.at).every((byte) => byte === 0), "what fills it up is not zero");
  must(SIZES.find((one) => one >= inner.at) === raw.length, "it is not the smallest size");
  return found;
}

function open(asked) {
  const raw = unb64(asked.envelope);
  must(SIZES.some((one) => raw.length === one + HEADER + TAG), "no envelope has this size");
  must(raw.subarray(0, 8).equals(Buffer.concat([text("LFE1"), Buffer.from([0, 1, 0, 0])])), "another format");
  must(raw.subarray(8, 16).equals(blake(16, "LFE1/kid", unb64(asked.epoch_public)).subarray(0, 8)), "another key");
  const epk = raw.subarray(16, 48);
  // X25519 leaves the highest bit out; a canonical key has none there.
  must((epk[31] & 0x80) === 0, "the ephemeral key is not canonical");
  const made = keys(sodium.crypto_scalarmult(unb64(asked.epoch_secret), epk), epk, asked, raw.subarray(0, 48));
  must(raw.subarray(48, 80).equals(made.commit), "the commitment does not hold");
  const inner = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, raw.subarray(HEADER), raw.subarray(0, HEADER), made.nonce, made.key);
  const found = readInner(Buffer.from(inner));
  const signed = { ...found, network: asked.network, signer: asked.signers[found.skid] ?? "" };
  must(signed.signer !== "" && isSigned(signed, found.signature), "the signature does not hold");
  const listed = JSON.parse(found.content).sections ?? [];
  must(found.sections.every((one) => listed.includes(one)), "a section is not what the content commits to");
  return { content: found.content, sections: found.sections, riders: found.riders };
}

function verify(asked) {
  must(isSigned(asked, unb64(asked.signature)), "the signature does not hold");
  const person = asked.type === 1 ? "LF1/content" : "LF1/node";
  must(b64(blake(32, person, text(asked.content))) === asked.id, "it has another id");
  return {};
}

function section(asked) {
  must(b64(commitment(asked)) === asked.commitment, "the section is not what was committed to");
  return {};
}

function judge(asked) {
  const known = { open, make, verify, section };
  try {
    return { holds: true, ...known[asked.do](asked) };
  } catch (error) {
    // libsodium throws what it refuses: lengths, low order points, a tag that fails; JSON.parse what is no JSON.
    return { holds: false, why: error.message };
  }
}

async function main() {
  await sodium.ready;
  let holds = false;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const said = judge(JSON.parse(line));
    holds = said.holds;
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  process.exitCode = holds ? 0 : 1;
}

main();
