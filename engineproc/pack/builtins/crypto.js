"use strict";
const c = globalThis.crypto;
const randomBytes = (n, cb) => { const b = Buffer.alloc(n); for (let i = 0; i < n; i += 65536) c.getRandomValues(b.subarray(i, i + 65536)); if (cb) { setTimeout(cb, 0, null, b); return undefined; } return b; };
const bytes = (v, e) => (typeof v === "string" ? Buffer.from(v, e) : ArrayBuffer.isView(v) ? new Uint8Array(v.buffer, v.byteOffset, v.byteLength) : new Uint8Array(v));
function hasher(name, key) {
  let digest = c[Symbol.for("fnode.digest")](name, key === undefined ? undefined : bytes(key));
  if (!digest) throw new Error("Digest method not supported");
  const open = () => { if (!digest) { const e = new Error("Digest already called"); e.code = "ERR_CRYPTO_HASH_FINALIZED"; throw e; } };
  const h = {
    update(v, e) { open(); digest.add(bytes(v, e)); return h; },
    digest(e) { open(); const b = Buffer.from(digest.sum()); digest = null; return e === undefined || e === "buffer" ? b : b.toString(e); },
  };
  return h;
}
module.exports = Object.assign(Object.create(missing("crypto")), {
  webcrypto: c, randomBytes, pseudoRandomBytes: randomBytes, randomUUID: () => c.randomUUID(), getRandomValues: (v) => c.getRandomValues(v),
  randomInt: (a, b) => (b === undefined ? Math.floor(Math.random() * a) : a + Math.floor(Math.random() * (b - a))),
  randomFillSync: (b) => c.getRandomValues(b), timingSafeEqual: (a, b) => Buffer.from(a).equals(Buffer.from(b)), getHashes: () => ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"],
  createHash: (name) => hasher(name), createHmac: (name, key) => hasher(name, key), get subtle() { return c.subtle; },
});
