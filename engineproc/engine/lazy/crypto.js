"use strict";
// Digests and HMAC. Go computes; the state of a digest lies here as text, so that Go keeps nothing.
const step = 32768; // bytes of one crossing: what is copied on the way stays small
const latin = (b) => { let s = ""; for (let i = 0; i < b.length; i += 8192) s += String.fromCharCode.apply(null, b.subarray(i, i + 8192)); return s; };
const unlatin = (s) => { const b = new Uint8Array(s.length); for (let i = 0; i < s.length; i++) b[i] = s.charCodeAt(i); return b; };
const sizes = { md5: [16, 64], sha1: [20, 64], sha224: [28, 64], sha256: [32, 64], sha384: [48, 128], sha512: [64, 128] };
class Digest {
  constructor(name, state = "") { this.name = name; this.state = state; }
  add(b) { for (let i = 0; i < b.length; i += step) this.state = host.hash(this.name, this.state, latin(b.subarray(i, i + step)), false); return this; }
  sum() { return unlatin(host.hash(this.name, this.state, "", true)); }
  copy() { return new Digest(this.name, this.state); }
}
class Hmac {
  constructor(name, key) {
    const block = sizes[name][1], k = new Uint8Array(block);
    k.set(key.length > block ? new Digest(name).add(key).sum() : key);
    this.inner = new Digest(name).add(k.map((x) => x ^ 0x36));
    this.outer = new Digest(name).add(k.map((x) => x ^ 0x5c));
  }
  add(b) { this.inner.add(b); return this; }
  sum() { return this.outer.copy().add(this.inner.sum()).sum(); }
}
const known = (name) => { const n = String(name).toLowerCase().replace(/^sha-/, "sha"); return Object.hasOwn(sizes, n) ? n : undefined; };
const refuse = (text, name) => { throw new DOMException(text, name); };
function bytes(v) {
  if (v instanceof ArrayBuffer) return new Uint8Array(v);
  if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
  throw new TypeError("an ArrayBuffer or a view of one is needed");
}
const nameOf = (a) => String(a !== null && typeof a === "object" ? a.name : a);
function webHash(a) {
  const n = nameOf(a);
  return /^sha-(1|256|384|512)$/i.test(n) ? known(n) : refuse("Unrecognized algorithm name: " + n, "NotSupportedError");
}
const onlyHmac = (a) => { if (nameOf(a).toUpperCase() !== "HMAC") refuse("only HMAC is here, not " + nameOf(a), "NotSupportedError"); };
const secrets = new WeakMap();
class CryptoKey {
  constructor() { throw new TypeError("Illegal constructor"); }
  get [Symbol.toStringTag]() { return "CryptoKey"; }
}
function makeKey(secret, name, extractable, usages) {
  const uses = [...usages];
  if (uses.some((u) => u !== "sign" && u !== "verify")) refuse("an HMAC key signs and verifies", "SyntaxError");
  if (uses.length === 0) refuse("a secret key needs a usage", "SyntaxError");
  if (secret.length === 0) refuse("an HMAC key has at least one byte", "DataError");
  const key = Object.create(CryptoKey.prototype, {
    type: { value: "secret", enumerable: true }, extractable: { value: Boolean(extractable), enumerable: true }, usages: { value: uses, enumerable: true },
    algorithm: { value: { name: "HMAC", length: secret.length * 8, hash: { name: name.replace("sha", "SHA-") } }, enumerable: true },
  });
  secrets.set(key, { secret, name, uses: new Set(uses) });
  return key;
}
function hmac(key, use, data) {
  const k = secrets.get(key);
  if (!k) throw new TypeError("a CryptoKey is needed");
  if (!k.uses.has(use)) refuse("the key is not for " + use, "InvalidAccessError");
  return new Hmac(k.name, k.secret).add(bytes(data)).sum();
}
function same(a, b) { // in a time that does not depend on where they differ
  let d = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) d |= a[i] ^ b[i];
  return d === 0;
}
const subtle = {
  async digest(algorithm, data) { return new Digest(webHash(algorithm)).add(bytes(data)).sum().buffer; },
  async importKey(format, data, algorithm, extractable, usages) {
    onlyHmac(algorithm);
    if (format !== "raw") refuse("only raw keys are taken, not " + format, "NotSupportedError");
    return makeKey(bytes(data).slice(), webHash(algorithm.hash), extractable, usages);
  },
  async exportKey(format, key) {
    const k = secrets.get(key);
    if (!k) throw new TypeError("a CryptoKey is needed");
    if (format !== "raw") refuse("only raw keys are given, not " + format, "NotSupportedError");
    if (!key.extractable) refuse("the key is not extractable", "InvalidAccessError");
    return k.secret.slice().buffer;
  },
  async generateKey(algorithm, extractable, usages) {
    onlyHmac(algorithm);
    const name = webHash(algorithm.hash);
    return makeKey(globalThis.crypto.getRandomValues(new Uint8Array(algorithm.length ? Math.ceil(algorithm.length / 8) : sizes[name][1])), name, extractable, usages);
  },
  async sign(algorithm, key, data) { onlyHmac(algorithm); return hmac(key, "sign", data).buffer; },
  async verify(algorithm, key, signature, data) { onlyHmac(algorithm); return same(hmac(key, "verify", data), bytes(signature)); },
};
// digest is what node:crypto builds on: undefined for a name that is not known.
const digest = (name, key) => { const n = known(name); return n && (key === undefined ? new Digest(n) : new Hmac(n, key)); };
return { subtle, CryptoKey, digest };
