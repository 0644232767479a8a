"use strict";
// Node's Buffer: a Uint8Array with text codecs and number access. Made when first asked for.
function make() {
  const te = new TextEncoder();
  const norm = (e) => { const n = String(e === undefined || e === null || e === "" ? "utf8" : e).toLowerCase(); return n === "utf-8" ? "utf8" : n === "binary" ? "latin1" : n === "ucs2" || n === "ucs-2" || n === "utf-16le" ? "utf16le" : n; };
  const known = new Set(["utf8", "hex", "base64", "base64url", "latin1", "ascii", "utf16le"]);
  const check = (e) => { const n = norm(e); if (!known.has(n)) { const x = new TypeError("Unknown encoding: " + e); x.code = "ERR_UNKNOWN_ENCODING"; throw x; } return n; };
  function encode(s, e) {
    switch (check(e)) {
      case "utf8": return te.encode(s);
      case "hex": { const n = (/^(?:[0-9a-fA-F]{2})*/.exec(s) || [""])[0].length / 2, b = new Uint8Array(n); for (let i = 0; i < n; i++) b[i] = parseInt(s.substr(2 * i, 2), 16); return b; }
      case "base64": case "base64url": return host.fromBase64(s);
      case "utf16le": { const b = new Uint8Array(s.length * 2); for (let i = 0; i < s.length; i++) { const c = s.charCodeAt(i); b[2 * i] = c & 255; b[2 * i + 1] = c >> 8; } return b; }
      default: { const b = new Uint8Array(s.length); for (let i = 0; i < s.length; i++) b[i] = s.charCodeAt(i); return b; }
    }
  }
  function decode(b, e) {
    switch (check(e)) {
      case "utf8": return host.utf8(b);
      case "hex": { let o = ""; for (const c of b) o += (c < 16 ? "0" : "") + c.toString(16); return o; }
      case "base64": return host.toBase64(b);
      case "base64url": return host.toBase64(b).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      case "utf16le": { let o = ""; for (let i = 0; i + 1 < b.length; i += 2) o += String.fromCharCode(b[i] | (b[i + 1] << 8)); return o; }
      case "ascii": { let o = ""; for (const c of b) o += String.fromCharCode(c & 127); return o; }
      default: { let o = ""; for (const c of b) o += String.fromCharCode(c); return o; }
    }
  }
  const range = (name, v) => { const e = new RangeError("The value of \"" + name + "\" is out of range. It must be >= 0. Received " + v); e.code = "ERR_OUT_OF_RANGE"; return e; };
  const as = (u) => Object.setPrototypeOf(u, Buffer.prototype);
  function Buffer(v, e, n) { return typeof v === "number" ? Buffer.alloc(v) : Buffer.from(v, e, n); }
  Object.setPrototypeOf(Buffer, Uint8Array);
  Object.setPrototypeOf(Buffer.prototype, Uint8Array.prototype);
  Object.defineProperty(Buffer, Symbol.species, { get: () => Species });
  function Species(...a) { return as(new Uint8Array(...a)); }
  Species.prototype = Buffer.prototype;
  Object.assign(Buffer, {
    poolSize: 8192, kMaxLength: 2 ** 31 - 1,
    from(v, e, n) {
      if (typeof v === "string") return as(encode(v, e));
      if (v instanceof ArrayBuffer || (typeof SharedArrayBuffer === "function" && v instanceof SharedArrayBuffer)) return as(n === undefined ? new Uint8Array(v, e) : new Uint8Array(v, e, n));
      if (ArrayBuffer.isView(v) && !(v instanceof DataView)) return as(Uint8Array.from(v));
      if (v && typeof v === "object") {
        if (v.type === "Buffer" && Array.isArray(v.data)) return as(Uint8Array.from(v.data));
        if (typeof v.length === "number" || Array.isArray(v)) return as(Uint8Array.from(v));
        const p = v.valueOf && v.valueOf();
        if (p !== undefined && p !== null && p !== v) return Buffer.from(p, e, n);
        if (typeof v[Symbol.toPrimitive] === "function") return Buffer.from(v[Symbol.toPrimitive]("string"), e);
      }
      const x = new TypeError("The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received " + (v === null ? "null" : typeof v));
      x.code = "ERR_INVALID_ARG_TYPE";
      throw x;
    },
    alloc(n, fill, e) { if (typeof n !== "number" || n < 0 || n !== n) throw range("size", n); const b = as(new Uint8Array(n)); return fill === undefined || fill === 0 ? b : b.fill(fill, e); },
    allocUnsafe(n) { return Buffer.alloc(n); },
    allocUnsafeSlow(n) { return Buffer.alloc(n); },
    isBuffer: (b) => b instanceof Buffer,
    isEncoding: (e) => typeof e === "string" && known.has(norm(e)),
    byteLength: (v, e) => (typeof v === "string" ? encode(v, e).length : v.byteLength),
    compare: (a, b) => Buffer.prototype.compare.call(a, b),
    concat(list, n) {
      if (n === undefined) n = list.reduce((s, b) => s + b.length, 0);
      const out = Buffer.alloc(n);
      let at = 0;
      for (const b of list) { if (at >= n) break; out.set(b.subarray(0, n - at), at); at += b.length; }
      return out;
    },
  });
  const clamp = (v, d, n) => { v = v === undefined ? d : Math.trunc(Number(v)) || 0; if (v < 0) v += n; return Math.max(0, Math.min(v, n)); };
  const P = {
    toString(e, a, b) { return decode(Uint8Array.prototype.subarray.call(Object.setPrototypeOf(new Uint8Array(this.buffer, this.byteOffset, this.length), Uint8Array.prototype), a === undefined ? 0 : Math.max(0, a), b === undefined ? this.length : Math.max(0, b)), e); },
    toJSON() { return { type: "Buffer", data: Array.from(this) }; },
    equals(b) { return this.length === b.length && this.every((x, i) => x === b[i]); },
    compare(t, ts, te_, ss, se) {
      const a = ss === undefined && se === undefined ? this : this.subarray(ss || 0, se), b = ts === undefined && te_ === undefined ? t : t.subarray(ts || 0, te_);
      const n = Math.min(a.length, b.length);
      for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      return Math.sign(a.length - b.length);
    },
    slice(a, b) { return this.subarray(a, b); },
    subarray(a, b) { const n = this.length, s = clamp(a, 0, n), e = clamp(b, n, n); return as(new Uint8Array(this.buffer, this.byteOffset + s, Math.max(0, e - s))); },
    copy(t, ts = 0, ss = 0, se = this.length) { const part = this.subarray(ss, Math.min(se, ss + t.length - ts)); t.set(part, ts); return part.length; },
    write(s, off, len, e) {
      if (typeof off === "string") { e = off; off = 0; len = undefined; } else if (typeof len === "string") { e = len; len = undefined; }
      off = off || 0;
      let b = encode(s, e), n = Math.min(b.length, this.length - off, len === undefined ? Infinity : len);
      if (norm(e) === "utf8") while (n > 0 && n < b.length && (b[n] & 0xc0) === 0x80) n--;
      this.set(b.subarray(0, n), off);
      return n;
    },
    fill(v, a, b, e) {
      if (typeof a === "string") { e = a; a = 0; b = this.length; } else if (typeof b === "string") { e = b; b = this.length; }
      a = a || 0; b = b === undefined ? this.length : b;
      if (typeof v === "string" || v instanceof Uint8Array) {
        const src = typeof v === "string" ? encode(v, e) : v;
        for (let i = a; i < b; i++) this[i] = src.length ? src[(i - a) % src.length] : 0;
        return this;
      }
      return Uint8Array.prototype.fill.call(this, v, a, b);
    },
    indexOf(v, from, e) { return search(this, v, from, e, 1); },
    lastIndexOf(v, from, e) { return search(this, v, from, e, -1); },
    includes(v, from, e) { return this.indexOf(v, from, e) >= 0; },
    swap16() { for (let i = 0; i + 1 < this.length; i += 2) [this[i], this[i + 1]] = [this[i + 1], this[i]]; return this; },
    readUIntBE(o, n) { at(this, o, n); let v = 0; for (let i = 0; i < n; i++) v = v * 256 + this[o + i]; return v; },
    readUIntLE(o, n) { at(this, o, n); let v = 0; for (let i = n - 1; i >= 0; i--) v = v * 256 + this[o + i]; return v; },
    readIntBE(o, n) { const v = this.readUIntBE(o, n), h = 2 ** (8 * n - 1); return v >= h ? v - 2 * h : v; },
    readIntLE(o, n) { const v = this.readUIntLE(o, n), h = 2 ** (8 * n - 1); return v >= h ? v - 2 * h : v; },
    writeUIntBE(v, o, n) { at(this, o, n); v = Number(v); for (let i = n - 1; i >= 0; i--) { this[o + i] = v % 256; v = Math.floor(v / 256); } return o + n; },
    writeUIntLE(v, o, n) { at(this, o, n); v = Number(v); for (let i = 0; i < n; i++) { this[o + i] = v % 256; v = Math.floor(v / 256); } return o + n; },
    writeIntBE(v, o, n) { return this.writeUIntBE(v < 0 ? v + 2 ** (8 * n) : v, o, n); },
    writeIntLE(v, o, n) { return this.writeUIntLE(v < 0 ? v + 2 ** (8 * n) : v, o, n); },
    get parent() { return this.buffer; },
    get offset() { return this.byteOffset; },
    inspect() { return "<Buffer " + Array.from(this.slice(0, 50), (b) => b.toString(16).padStart(2, "0")).join(" ") + ">"; },
  };
  function at(b, o, n) { if (o === undefined) o = 0; if (typeof o !== "number" || o < 0 || o + n > b.length) { const e = new RangeError("The value of \"offset\" is out of range. It must be >= 0 and <= " + (b.length - n) + ". Received " + o); e.code = "ERR_OUT_OF_RANGE"; throw e; } }
  function search(b, v, from, e, step) {
    if (typeof v === "number") { const f = step > 0 ? "indexOf" : "lastIndexOf"; return from === undefined ? Uint8Array.prototype[f].call(b, v & 255) : Uint8Array.prototype[f].call(b, v & 255, from); }
    if (typeof from === "string") { e = from; from = undefined; }
    const s = typeof v === "string" ? encode(v, e) : v, last = b.length - s.length;
    let i = from === undefined ? (step > 0 ? 0 : last) : from < 0 ? Math.max(0, b.length + from) : from;
    if (step < 0) i = Math.min(i, last);
    for (; i >= 0 && i <= last; i += step) { let k = 0; while (k < s.length && b[i + k] === s[k]) k++; if (k === s.length) return i; }
    return -1;
  }
  for (const [bits, n] of [["8", 1], ["16", 2], ["32", 4]]) for (const [end, E] of n === 1 ? [["", "BE"]] : [["LE", "LE"], ["BE", "BE"]]) {
    for (const [sign, I] of [["U", "UInt"], ["", "Int"]]) {
      P["read" + I + bits + end] = function (o = 0) { return this["read" + I + E](o, n); };
      P["write" + I + bits + end] = function (v, o = 0) { return this["write" + I + E](v, o, n); };
      if (sign) { P["readUint" + bits + end] = P["readUInt" + bits + end]; P["writeUint" + bits + end] = P["writeUInt" + bits + end]; }
    }
  }
  for (const [name, T, n] of [["Float", "Float32", 4], ["Double", "Float64", 8], ["BigInt64", "BigInt64", 8], ["BigUInt64", "BigUint64", 8], ["BigUint64", "BigUint64", 8]]) for (const le of [true, false]) {
    const end = le ? "LE" : "BE";
    P["read" + name + end] = function (o = 0) { at(this, o, n); return new DataView(this.buffer, this.byteOffset, this.length)["get" + T](o, le); };
    P["write" + name + end] = function (v, o = 0) { at(this, o, n); new DataView(this.buffer, this.byteOffset, this.length)["set" + T](o, v, le); return o + n; };
  }
  for (const k of Object.getOwnPropertyNames(P)) Object.defineProperty(Buffer.prototype, k, { ...Object.getOwnPropertyDescriptor(P, k), enumerable: false });
  Object.defineProperty(Buffer.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: P.inspect, configurable: true });
  Object.defineProperty(Buffer.prototype, "constructor", { value: Buffer, writable: true, configurable: true });
  Buffer.prototype.toLocaleString = Buffer.prototype.toString;
  return Buffer;
}
Object.defineProperty(globalThis, "Buffer", {
  configurable: true, enumerable: false,
  get() { const B = make(); def("Buffer", B); return B; },
  set(v) { def("Buffer", v); },
});
