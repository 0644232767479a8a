"use strict";
// Blob, File and FormData: values in memory, without streams.
const te = new TextEncoder();
function part(p, native) {
  if (p instanceof Blob) return of(p);
  if (p instanceof ArrayBuffer) return new Uint8Array(p);
  if (ArrayBuffer.isView(p)) return new Uint8Array(p.buffer, p.byteOffset, p.byteLength);
  const s = String(p);
  return te.encode(native ? s.replace(/\r\n?/g, "\n") : s);
}
const mime = (t) => (/[^\x20-\x7e]/.test(t) ? "" : t.toLowerCase());
class Blob {
  #bytes; #type;
  static of(b) { return b.#bytes; }
  constructor(parts = [], { type = "", endings = "transparent" } = {}) {
    if (parts === null || typeof parts !== "object" || typeof parts[Symbol.iterator] !== "function") throw new TypeError("the parts of a Blob are a sequence");
    const all = Array.from(parts, (p) => part(p, endings === "native"));
    this.#bytes = new Uint8Array(all.reduce((n, b) => n + b.length, 0));
    let at = 0;
    for (const b of all) { this.#bytes.set(b, at); at += b.length; }
    this.#type = mime(String(type));
  }
  get size() { return this.#bytes.length; }
  get type() { return this.#type; }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async bytes() { return this.#bytes.slice(); }
  async text() { return host.utf8(this.#bytes); }
  slice(from = 0, to = this.size, type = "") { return new Blob([this.#bytes.subarray(from, to)], { type }); }
  get [Symbol.toStringTag]() { return "Blob"; }
}
const { of } = Blob;
delete Blob.of;
class File extends Blob {
  #name; #modified;
  constructor(parts, name, options = {}) {
    if (arguments.length < 2) throw new TypeError("a File has parts and a name");
    super(parts, options);
    this.#name = String(name);
    this.#modified = options.lastModified === undefined ? Date.now() : Math.trunc(Number(options.lastModified)) || 0;
  }
  get name() { return this.#name; }
  get lastModified() { return this.#modified; }
  get [Symbol.toStringTag]() { return "File"; }
}
function entry(name, value, filename) {
  if (!(value instanceof Blob)) return [String(name), String(value)];
  if (value instanceof File && filename === undefined) return [String(name), value];
  return [String(name), new File([value], filename === undefined ? "blob" : filename, { type: value.type, lastModified: value.lastModified })];
}
class FormData {
  #list = [];
  constructor(form) { if (form !== undefined) throw new TypeError("there are no forms here"); }
  append(name, value, filename) { this.#list.push(entry(name, value, filename)); }
  delete(name) { this.#list = this.#list.filter(([n]) => n !== String(name)); }
  get(name) { const e = this.#list.find(([n]) => n === String(name)); return e ? e[1] : null; }
  getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v); }
  has(name) { return this.#list.some(([n]) => n === String(name)); }
  set(name, value, filename) {
    const e = entry(name, value, filename), i = this.#list.findIndex(([n]) => n === e[0]);
    if (i < 0) { this.#list.push(e); return; }
    this.#list = this.#list.filter(([n], k) => k <= i || n !== e[0]);
    this.#list[i] = e;
  }
  forEach(f, self) { for (const [n, v] of this) f.call(self, v, n, this); }
  *entries() { for (const [n, v] of this.#list) yield [n, v]; }
  *keys() { for (const [n] of this.#list) yield n; }
  *values() { for (const [, v] of this.#list) yield v; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return "FormData"; }
}
return { Blob, File, FormData };
