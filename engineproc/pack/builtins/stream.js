// Node's stream: in memory, in order, with objects or bytes. Back-pressure is kept by the return value of write.
"use strict";
const EventEmitter = require("events");
const later = (f) => queueMicrotask(f);
class Stream extends EventEmitter {
  pipe(dst, o) {
    this.on("data", (c) => { if (dst.write(c) === false && this.pause) { this.pause(); dst.once("drain", () => this.resume()); } });
    if (!o || o.end !== false) this.on("end", () => dst.end());
    dst.emit("pipe", this);
    return dst;
  }
}
class Readable extends Stream {
  constructor(o = {}) {
    super();
    this._q = []; this.readable = true; this.destroyed = false; this.readableEnded = false; this.readableFlowing = null;
    this._ended = false; this._reading = false; this._enc = o.encoding || null;
    this.readableObjectMode = !!(o.objectMode || o.readableObjectMode);
    this._readableState = { objectMode: this.readableObjectMode, ended: false, flowing: null, highWaterMark: o.highWaterMark || 16384 };
    if (o.read) this._read = o.read;
    if (o.destroy) this._destroy = o.destroy;
  }
  _read() {}
  _destroy(e, cb) { cb(e); }
  setEncoding(e) { this._enc = e; return this; }
  push(c, enc) {
    this._reading = false;
    if (c === null) { this._ended = true; this._readableState.ended = true; } else {
      if (!this.readableObjectMode) { if (typeof c === "string" && !this._enc) c = Buffer.from(c, enc); else if (this._enc && typeof c !== "string") c = Buffer.from(c).toString(this._enc); if (c.length === 0) return true; }
      this._q.push(c);
    }
    this._kick();
    return this._q.length < 16;
  }
  unshift(c) { this._q.unshift(c); this._kick(); }
  _kick() { if (!this._kicked) { this._kicked = true; later(() => { this._kicked = false; this._flow(); }); } }
  _flow() {
    if (this.destroyed) return;
    if (this.listenerCount("readable") && (this._q.length || this._ended)) this.emit("readable");
    while (this.readableFlowing && this._q.length) this.emit("data", this._q.shift());
    if (this._q.length === 0 && this._ended && (this.readableFlowing || this.listenerCount("readable"))) { if (!this.readableEnded) { this.readableEnded = true; this.readable = false; this.emit("end"); this._close(); } return; }
    if (!this._ended && !this._reading && this._q.length === 0 && (this.readableFlowing || this.listenerCount("readable"))) { this._reading = true; this._read(16384); }
  }
  _close() { if (!this.closed && (!this._writes || this.writableFinished)) { this.closed = true; later(() => this.emit("close")); } }
  read() { if (this._q.length) { const c = this._q.shift(); this._kick(); return c; } if (!this._ended && !this._reading) { this._reading = true; this._read(16384); if (this._q.length) return this._q.shift(); } this._kick(); return null; }
  on(t, f) { super.on(t, f); if (t === "data" && this.readableFlowing !== false) this.resume(); if (t === "readable") this._kick(); return this; }
  resume() { this.readableFlowing = true; this._readableState.flowing = true; this._kick(); return this; }
  pause() { this.readableFlowing = false; this._readableState.flowing = false; return this; }
  isPaused() { return this.readableFlowing === false; }
  unpipe() { return this; }
  destroy(e) { if (this.destroyed) return this; this.destroyed = true; this._destroy(e || null, (x) => later(() => { if (x || e) this.emit("error", x || e); this.closed = true; this.emit("close"); })); return this; }
  async *[Symbol.asyncIterator]() {
    const q = []; let wake = () => {}, done = false, err = null;
    this.on("end", () => { done = true; wake(); }); this.on("error", (e) => { err = e; wake(); }); this.on("close", () => { done = true; wake(); });
    this.on("data", (c) => { q.push(c); wake(); });
    for (;;) { while (q.length) yield q.shift(); if (err) throw err; if (done) return; await new Promise((r) => { wake = r; }); }
  }
  static from(it, o) {
    const r = new Readable({ objectMode: true, ...o });
    const i = it[Symbol.asyncIterator] && typeof it !== "string" ? it[Symbol.asyncIterator]() : (typeof it === "string" ? [it] : it)[Symbol.iterator]();
    r._read = () => { Promise.resolve(i.next()).then(async ({ done, value }) => r.push(done ? null : await value), (e) => r.destroy(e)); };
    return r;
  }
}
function writable(self, o) {
  self.writable = true; self.writableEnded = false; self.writableFinished = false; self._writes = []; self._writing = false; self._needDrain = false;
  self.writableObjectMode = !!(o.objectMode || o.writableObjectMode); self._decode = o.decodeStrings !== false;
  self._writableState = { objectMode: self.writableObjectMode, ended: false, finished: false };
  if (o.write) self._write = o.write;
  if (o.writev) self._writev = o.writev;
  if (o.final) self._final = o.final;
  if (o.destroy) self._destroy = o.destroy;
}
const W = {
  _write(c, e, cb) { cb(); },
  _final(cb) { cb(); },
  write(c, enc, cb) {
    if (typeof enc === "function") { cb = enc; enc = undefined; }
    if (this.writableEnded) { const e = new Error("write after end"); e.code = "ERR_STREAM_WRITE_AFTER_END"; later(() => { if (cb) cb(e); this.emit("error", e); }); return false; }
    if (typeof c === "string" && !this.writableObjectMode && this._decode) { c = Buffer.from(c, enc); enc = "buffer"; }
    this._writes.push([c, enc || "utf8", cb]);
    this._pump();
    const ok = this._writes.length < 16;
    this._needDrain = this._needDrain || !ok;
    return ok;
  },
  _pump() {
    if (this._writing || this.destroyed) return;
    const w = this._writes.shift();
    if (!w) {
      if (this._needDrain) { this._needDrain = false; later(() => this.emit("drain")); }
      if (this.writableEnded && !this._finalized) {
        this._finalized = true;
        const done = (e) => { if (e) { this.destroy(e); return; } later(() => { this.writableFinished = true; this._writableState.finished = true; this.emit("finish"); if (this._close && (!this.readable || this.readableEnded || !(this instanceof Readable))) this._close(); }); };
        this._final(done);
      }
      return;
    }
    this._writing = true;
    let sync = true;
    this._write(w[0], w[1], (e) => {
      this._writing = false;
      if (w[2]) w[2](e);
      if (e) { this.destroy(e); return; }
      if (sync) later(() => this._pump()); else this._pump();
    });
    sync = false;
  },
  end(c, enc, cb) {
    if (typeof c === "function") { cb = c; c = undefined; } else if (typeof enc === "function") { cb = enc; enc = undefined; }
    if (c !== undefined && c !== null) this.write(c, enc);
    if (cb) this.once("finish", cb);
    if (!this.writableEnded) { this.writableEnded = true; this.writable = false; this._writableState.ended = true; later(() => this._pump()); }
    return this;
  },
  cork() {}, uncork() {}, setDefaultEncoding() { return this; },
};
class Writable extends Stream {
  constructor(o = {}) { super(); this.destroyed = false; writable(this, o); }
  _destroy(e, cb) { cb(e); }
  _close() { if (!this.closed) { this.closed = true; later(() => this.emit("close")); } }
  destroy(e) { return Readable.prototype.destroy.call(this, e); }
}
class Duplex extends Readable { constructor(o = {}) { super(o); writable(this, o); } }
for (const k of Object.keys(W)) for (const C of [Writable, Duplex]) Object.defineProperty(C.prototype, k, { value: W[k], writable: true, configurable: true });
class Transform extends Duplex {
  constructor(o = {}) { super(o); if (o.transform) this._transform = o.transform; if (o.flush) this._flush = o.flush; }
  _transform(c, e, cb) { cb(null, c); }
  _write(c, e, cb) { this._transform(c, e, (x, v) => { if (v !== undefined && v !== null) this.push(v); cb(x); }); }
  _final(cb) { const end = (x, v) => { if (v !== undefined && v !== null) this.push(v); this.push(null); cb(x); }; if (this._flush) this._flush(end); else end(); }
}
class PassThrough extends Transform {}
function finished(s, o, cb) { if (typeof o === "function") cb = o; let once = (e) => { once = () => {}; cb(e); }; s.on("error", (e) => once(e)); s.on("end", () => { if (!s._writes || s.writableFinished) once(); }); s.on("finish", () => { if (!(s instanceof Readable) || s.readableEnded) once(); }); s.on("close", () => once()); return () => {}; }
function pipeline(...ss) {
  const cb = typeof ss[ss.length - 1] === "function" && !ss[ss.length - 1].prototype?._write ? ss.pop() : () => {};
  if (ss.length === 1 && Array.isArray(ss[0])) ss = ss[0];
  if (typeof ss[0].on !== "function") ss[0] = Readable.from(ss[0]);
  let done = false;
  const end = (e) => { if (!done) { done = true; if (e) for (const s of ss) s.destroy && s.destroy(); cb(e); } };
  for (const s of ss) s.on("error", end);
  const last = ss[ss.length - 1];
  last.on("finish", () => end());
  for (let i = 0; i + 1 < ss.length; i++) ss[i].pipe(ss[i + 1]);
  return last;
}
Object.assign(Stream, { Stream, Readable, Writable, Duplex, Transform, PassThrough, finished, pipeline, promises: { pipeline: (...a) => new Promise((ok, bad) => pipeline(...a, (e) => (e ? bad(e) : ok()))), finished: (s) => new Promise((ok, bad) => finished(s, (e) => (e ? bad(e) : ok()))) } });
// Constructors are called without new by older packages.
const callable = (C) => new Proxy(C, { apply: (T, self, args) => { const s = Reflect.construct(T, args, self && self.constructor && self instanceof T ? self.constructor : T); if (self && self instanceof T) Object.assign(self, s); return s; } });
for (const k of ["Readable", "Writable", "Duplex", "Transform", "PassThrough"]) Stream[k] = callable(Stream[k]);
module.exports = Stream;
