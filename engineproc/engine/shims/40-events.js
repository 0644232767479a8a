"use strict";
// DOM: events, abort, message channel.
const codes = { IndexSizeError: 1, NotFoundError: 8, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12, InvalidAccessError: 15, TimeoutError: 23, AbortError: 20, DataCloneError: 25, InvalidCharacterError: 5, QuotaExceededError: 22 };
class DOMException extends Error {
  #name;
  constructor(message = "", name = "Error") { super(message); this.#name = typeof name === "object" ? name.name || "Error" : String(name); }
  get name() { return this.#name; }
  get code() { return codes[this.#name] || 0; }
}
def("DOMException", DOMException);
class Event {
  #stopped = false;
  constructor(type, o = {}) {
    Object.assign(this, { type: String(type), bubbles: !!o.bubbles, cancelable: !!o.cancelable, defaultPrevented: false, target: null, currentTarget: null, timeStamp: host.monotonic() });
  }
  preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }
  static stopped(e) { return #stopped in e && e.#stopped; }
}
const stopped = Event.stopped;
delete Event.stopped;
class CustomEvent extends Event {
  constructor(type, o = {}) { super(type, o); this.detail = o.detail === undefined ? null : o.detail; }
}
class MessageEvent extends Event {
  constructor(type, o = {}) { super(type, o); this.data = o.data; }
}
class EventTarget {
  #all = new Map();
  addEventListener(type, f, o) {
    if (!f) return;
    const list = this.#all.get(type) || this.#all.set(type, []).get(type);
    if (list.some((l) => l.f === f)) return;
    const l = { f, once: !!(o && o.once) };
    list.push(l);
    if (o && o.signal) o.signal.addEventListener("abort", () => this.removeEventListener(type, f), { once: true });
  }
  removeEventListener(type, f) {
    const list = this.#all.get(type);
    if (list) this.#all.set(type, list.filter((l) => l.f !== f));
  }
  dispatchEvent(e) {
    e.target = e.currentTarget = this;
    const on = this["on" + e.type];
    if (typeof on === "function") on.call(this, e);
    for (const l of [...(this.#all.get(e.type) || [])]) {
      if (stopped(e)) break;
      if (l.once) this.removeEventListener(e.type, l.f);
      if (typeof l.f === "function") l.f.call(this, e); else l.f.handleEvent(e);
    }
    return !e.defaultPrevented;
  }
}
const key = Symbol("abort");
class AbortSignal extends EventTarget {
  constructor(k) { if (k !== key) throw new TypeError("Illegal constructor"); super(); this.aborted = false; this.reason = undefined; this.onabort = null; }
  throwIfAborted() { if (this.aborted) throw this.reason; }
  static abort(reason) { const c = new AbortController(); c.abort(reason); return c.signal; }
  static timeout(ms) { const c = new AbortController(); setTimeout(() => c.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms); return c.signal; }
  static any(signals) {
    const c = new AbortController();
    for (const s of signals) { if (s.aborted) { c.abort(s.reason); break; } s.addEventListener("abort", () => c.abort(s.reason), { once: true }); }
    return c.signal;
  }
}
class AbortController {
  constructor() { this.signal = new AbortSignal(key); }
  abort(reason = new DOMException("This operation was aborted", "AbortError")) {
    if (this.signal.aborted) return;
    this.signal.aborted = true;
    this.signal.reason = reason;
    this.signal.dispatchEvent(new Event("abort"));
  }
}
class MessagePort extends EventTarget {
  constructor() { super(); this.onmessage = null; this.peer = null; }
  postMessage(data) {
    const to = this.peer;
    if (!to) return;
    const copy = structuredClone(data);
    setTimeout(() => to.dispatchEvent(new MessageEvent("message", { data: copy })), 0);
  }
  start() {}
  close() { if (this.peer) this.peer.peer = null; this.peer = null; }
  ref() {} unref() {}
  on(type, f) { this.addEventListener(type, (e) => f(e.data)); return this; }
}
class MessageChannel {
  constructor() { this.port1 = new MessagePort(); this.port2 = new MessagePort(); this.port1.peer = this.port2; this.port2.peer = this.port1; }
}
for (const c of [Event, CustomEvent, MessageEvent, EventTarget, AbortSignal, AbortController, MessagePort, MessageChannel]) def(c.name, c);

// HTML structured clone: cycles, collections, buffers, errors; functions and symbols are refused.
def("structuredClone", function structuredClone(v) {
  const seen = new Map();
  const refuse = (x) => { throw new DOMException(String(x) + " could not be cloned.", "DataCloneError"); };
  const copy = (x) => {
    if (typeof x === "function" || typeof x === "symbol") refuse(typeof x === "symbol" ? x.toString() : x);
    if (x === null || typeof x !== "object") return x;
    if (seen.has(x)) return seen.get(x);
    const put = (y) => { seen.set(x, y); return y; };
    if (x instanceof Date) return put(new Date(x.getTime()));
    if (x instanceof RegExp) return put(new RegExp(x.source, x.flags));
    if (x instanceof Boolean || x instanceof Number || x instanceof String) return put(Object(x.valueOf()));
    if (x instanceof ArrayBuffer) return put(x.slice(0));
    if (x instanceof DataView) return put(new DataView(copy(x.buffer), x.byteOffset, x.byteLength));
    if (ArrayBuffer.isView(x)) { const T = globalThis[Object.prototype.toString.call(x).slice(8, -1)]; return put(new T(copy(x.buffer), x.byteOffset, x.length)); }
    if (x instanceof Map) { const m = put(new Map()); for (const [k, y] of x) m.set(copy(k), copy(y)); return m; }
    if (x instanceof Set) { const s = put(new Set()); for (const y of x) s.add(copy(y)); return s; }
    if (x instanceof Error) {
      const T = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }[x.name] || Error;
      const e = put(Object.create(T.prototype));
      for (const k of ["message", "stack", "cause"]) if (k in x) Object.defineProperty(e, k, { value: k === "cause" ? copy(x[k]) : String(x[k]), writable: true, configurable: true });
      return e;
    }
    if (x instanceof WeakMap || x instanceof WeakSet || x instanceof Promise || x instanceof WeakRef) refuse("#<" + x.constructor.name + ">");
    const o = put(Array.isArray(x) ? new Array(x.length) : {});
    for (const k of Object.keys(x)) o[k] = copy(x[k]);
    return o;
  };
  return copy(v);
});
