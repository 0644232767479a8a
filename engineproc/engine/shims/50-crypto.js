"use strict";
// Web Crypto: randomness, seeded by the host so that a replay sees the same; digests and HMAC by the lazy part.
const types = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array];
def("crypto", {
  getRandomValues(v) {
    if (!types.some((T) => v instanceof T)) throw new DOMException("an integer typed array is needed", "TypeMismatchError");
    if (v.byteLength > 65536) throw new DOMException("more than 65536 bytes of randomness", "QuotaExceededError");
    const b = new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
    for (let i = 0; i < b.length; i += 4) {
      const r = host.random32();
      for (let k = 0; k < 4 && i + k < b.length; k++) b[i + k] = r >>> (8 * k);
    }
    return v;
  },
  randomUUID() {
    const b = this.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const h = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join("-");
  },
});
host.later("subtle", "crypto", globalThis.crypto);
Object.defineProperty(globalThis.crypto, Symbol.for("fnode.digest"), { get: () => host.lazy("crypto").digest });
def("random", () => ((host.random32() >>> 5) * 67108864 + (host.random32() >>> 6)) / 9007199254740992, Math);
