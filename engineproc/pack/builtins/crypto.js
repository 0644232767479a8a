"use strict";
const c = globalThis.crypto;
const randomBytes = (n, cb) => { const b = Buffer.alloc(n); for (let i = 0; i < n; i += 65536) c.getRandomValues(b.subarray(i, i + 65536)); if (cb) { setTimeout(cb, 0, null, b); return undefined; } return b; };
module.exports = Object.assign(Object.create(missing("crypto")), {
  webcrypto: c, randomBytes, pseudoRandomBytes: randomBytes, randomUUID: () => c.randomUUID(), getRandomValues: (v) => c.getRandomValues(v),
  randomInt: (a, b) => (b === undefined ? Math.floor(Math.random() * a) : a + Math.floor(Math.random() * (b - a))),
  randomFillSync: (b) => c.getRandomValues(b), timingSafeEqual: (a, b) => Buffer.from(a).equals(Buffer.from(b)), getHashes: () => [],
});
