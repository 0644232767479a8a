"use strict";
// WHATWG Encoding: UTF-8 both ways, UTF-16LE and latin1 for decoding.
class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(s = "") {
    s = String(s);
    let out = new Uint8Array(s.length + 16), n = 0;
    for (let i = 0; i < s.length; i++) {
      let c = s.charCodeAt(i);
      if (n + 4 > out.length) { const g = new Uint8Array(out.length * 2 + 16); g.set(out); out = g; }
      if (c < 0x80) { out[n++] = c; continue; }
      if (c >= 0xd800 && c < 0xe000) {
        const d = c < 0xdc00 && i + 1 < s.length ? s.charCodeAt(i + 1) : 0;
        if (d >= 0xdc00 && d < 0xe000) { c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00); i++; } else c = 0xfffd;
      }
      if (c < 0x800) out[n++] = 0xc0 | (c >> 6);
      else {
        if (c < 0x10000) out[n++] = 0xe0 | (c >> 12);
        else { out[n++] = 0xf0 | (c >> 18); out[n++] = 0x80 | ((c >> 12) & 63); }
        out[n++] = 0x80 | ((c >> 6) & 63);
      }
      out[n++] = 0x80 | (c & 63);
    }
    return out.slice(0, n);
  }
  encodeInto(s, dst) {
    let read = 0, written = 0;
    for (const ch of String(s)) {
      const b = this.encode(ch);
      if (written + b.length > dst.length) break;
      dst.set(b, written);
      written += b.length;
      read += ch.length;
    }
    return { read, written };
  }
}
const names = { "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16le": "utf-16le", "utf-16": "utf-16le", latin1: "windows-1252", ascii: "windows-1252", "iso-8859-1": "windows-1252", "us-ascii": "windows-1252", "windows-1252": "windows-1252" };
function bytes(v) {
  if (v === undefined) return new Uint8Array(0);
  if (v instanceof ArrayBuffer) return new Uint8Array(v);
  if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
  throw new TypeError("a BufferSource is needed");
}
host.bytes = bytes;
// utf8 decodes b; it returns the text and how many bytes at the end are the start of a character.
function utf8(b, fatal, stream) {
  const parts = [];
  let codes = [], i = 0, rest = 0;
  const push = (c) => { codes.push(c); if (codes.length > 4096) { parts.push(String.fromCodePoint(...codes)); codes = []; } };
  const bad = () => { if (fatal) throw Object.assign(new TypeError("The encoded data was not valid for encoding utf-8"), { code: "ERR_ENCODING_INVALID_ENCODED_DATA" }); push(0xfffd); };
  while (i < b.length) {
    const c = b[i];
    if (c < 0x80) { push(c); i++; continue; }
    let need = 0, min = 0x80, max = 0xbf, cp = 0;
    if (c >= 0xc2 && c <= 0xdf) { need = 1; cp = c & 31; }
    else if (c >= 0xe0 && c <= 0xef) { need = 2; cp = c & 15; if (c === 0xe0) min = 0xa0; if (c === 0xed) max = 0x9f; }
    else if (c >= 0xf0 && c <= 0xf4) { need = 3; cp = c & 7; if (c === 0xf0) min = 0x90; if (c === 0xf4) max = 0x8f; }
    else { bad(); i++; continue; }
    let k = 1;
    for (; k <= need && i + k < b.length; k++) {
      const d = b[i + k];
      if (d < min || d > max) break;
      cp = (cp << 6) | (d & 63);
      min = 0x80; max = 0xbf;
    }
    if (k > need) { push(cp); i += k; continue; }
    if (i + k >= b.length && stream) { rest = b.length - i; break; }
    bad();
    i += k;
  }
  parts.push(String.fromCodePoint(...codes));
  return [parts.join(""), rest];
}
host.utf8 = (b) => utf8(b, false, false)[0];
const table1252 = "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";
class TextDecoder {
  #enc; #fatal; #ignoreBOM; #left = new Uint8Array(0); #start = true;
  constructor(label = "utf-8", o = {}) {
    this.#enc = names[String(label).trim().toLowerCase()];
    if (!this.#enc) throw new RangeError("The \"" + label + "\" encoding is not supported");
    this.#fatal = !!o.fatal;
    this.#ignoreBOM = !!o.ignoreBOM;
  }
  get encoding() { return this.#enc; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }
  decode(input, o = {}) {
    let b = bytes(input);
    if (this.#left.length) { const j = new Uint8Array(this.#left.length + b.length); j.set(this.#left); j.set(b, this.#left.length); b = j; }
    let out = "", rest = 0;
    if (this.#enc === "utf-8") [out, rest] = utf8(b, this.#fatal, !!o.stream);
    else if (this.#enc === "utf-16le") {
      rest = o.stream ? b.length % 2 : 0;
      for (let i = 0; i + 1 < b.length; i += 2) out += String.fromCharCode(b[i] | (b[i + 1] << 8));
      if (!o.stream && b.length % 2) out += "\ufffd";
    } else for (const c of b) out += c >= 0x80 && c < 0xa0 ? table1252[c - 0x80] : String.fromCharCode(c);
    this.#left = rest ? b.slice(b.length - rest) : new Uint8Array(0);
    if (this.#start && !this.#ignoreBOM && out.charCodeAt(0) === 0xfeff && this.#enc !== "windows-1252") out = out.slice(1);
    this.#start = !o.stream;
    return out;
  }
}
def("TextEncoder", TextEncoder);
def("TextDecoder", TextDecoder);

const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const value = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) value[abc.charCodeAt(i)] = i;
host.toBase64 = (b) => {
  const out = [];
  for (let i = 0; i < b.length; i += 3) {
    const n = (b[i] << 16) | ((b[i + 1] || 0) << 8) | (b[i + 2] || 0);
    out.push(abc[n >> 18] + abc[(n >> 12) & 63] + (i + 1 < b.length ? abc[(n >> 6) & 63] : "=") + (i + 2 < b.length ? abc[n & 63] : "="));
  }
  return out.join("");
};
host.fromBase64 = (s) => {
  const out = [];
  let acc = 0, bits = 0;
  for (let i = 0; i < s.length; i++) {
    let c = s.charCodeAt(i);
    if (c === 45) c = 43; else if (c === 95) c = 47; // base64url
    const v = c < 128 ? value[c] : -1;
    if (v < 0) { if (c === 61) break; continue; }
    acc = ((acc << 6) | v) & 0xffffff;
    bits += 6;
    if (bits >= 8) { bits -= 8; out.push((acc >> bits) & 255); }
  }
  return Uint8Array.from(out);
};
def("btoa", function btoa(s) {
  s = String(s);
  const b = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c > 255) throw new DOMException("Invalid character", "InvalidCharacterError");
    b[i] = c;
  }
  return host.toBase64(b);
});
def("atob", function atob(s) {
  s = String(s).replace(/[\t\n\f\r ]/g, "");
  if (s.length % 4 === 0) s = s.replace(/==?$/, "");
  if (s.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(s)) throw new DOMException("The string to be decoded is not correctly encoded.", "InvalidCharacterError");
  let out = "";
  for (const c of host.fromBase64(s)) out += String.fromCharCode(c);
  return out;
});
