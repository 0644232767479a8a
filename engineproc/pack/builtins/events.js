// Node's events, the part that packages use.
"use strict";
function EventEmitter() { EventEmitter.init.call(this); }
EventEmitter.init = function () {
  if (!this._events || this._events === Object.getPrototypeOf(this)._events) { this._events = Object.create(null); this._eventsCount = 0; }
  this._maxListeners = this._maxListeners || undefined;
};
EventEmitter.EventEmitter = EventEmitter;
EventEmitter.defaultMaxListeners = 10;
EventEmitter.errorMonitor = Symbol("events.errorMonitor");
EventEmitter.captureRejectionSymbol = Symbol.for("nodejs.rejection");
const P = EventEmitter.prototype;
P._events = undefined;
P._eventsCount = 0;
P._maxListeners = undefined;
function check(f) { if (typeof f !== "function") { const e = new TypeError('The "listener" argument must be of type function. Received ' + (f === null ? "null" : typeof f)); e.code = "ERR_INVALID_ARG_TYPE"; throw e; } }
function add(self, type, f, first) {
  check(f);
  if (!self._events) EventEmitter.init.call(self);
  if (self._events.newListener) self.emit("newListener", type, f.listener || f);
  const list = self._events[type];
  if (!list) { self._events[type] = [f]; self._eventsCount++; } else if (first) list.unshift(f); else list.push(f);
  return self;
}
P.on = P.addListener = function (t, f) { return add(this, t, f, false); };
P.prependListener = function (t, f) { return add(this, t, f, true); };
function wrap(self, t, f) { check(f); const w = (...a) => { self.removeListener(t, w); return f.apply(self, a); }; w.listener = f; return w; }
P.once = function (t, f) { return this.on(t, wrap(this, t, f)); };
P.prependOnceListener = function (t, f) { return this.prependListener(t, wrap(this, t, f)); };
P.off = P.removeListener = function (t, f) {
  check(f);
  const list = this._events && this._events[t];
  if (!list) return this;
  for (let i = list.length - 1; i >= 0; i--) if (list[i] === f || list[i].listener === f) {
    const left = list.slice(); left.splice(i, 1);
    if (left.length) this._events[t] = left; else { delete this._events[t]; this._eventsCount--; }
    if (this._events.removeListener) this.emit("removeListener", t, f);
    break;
  }
  return this;
};
P.removeAllListeners = function (t) {
  if (!this._events) return this;
  if (t === undefined) { this._events = Object.create(null); this._eventsCount = 0; } else if (this._events[t]) { delete this._events[t]; this._eventsCount--; }
  return this;
};
P.emit = function (t, ...args) {
  const list = this._events && this._events[t];
  if (!list) {
    if (t === "error") { if (args[0] instanceof Error) throw args[0]; const e = new Error("Unhandled error. (" + args[0] + ")"); e.context = args[0]; e.code = "ERR_UNHANDLED_ERROR"; throw e; }
    return false;
  }
  for (const f of list.slice()) f.apply(this, args);
  return true;
};
P.listeners = function (t) { return ((this._events && this._events[t]) || []).map((f) => f.listener || f); };
P.rawListeners = function (t) { return ((this._events && this._events[t]) || []).slice(); };
P.listenerCount = function (t) { return ((this._events && this._events[t]) || []).length; };
P.eventNames = function () { return this._events ? Reflect.ownKeys(this._events) : []; };
P.setMaxListeners = function (n) { this._maxListeners = n; return this; };
P.getMaxListeners = function () { return this._maxListeners === undefined ? EventEmitter.defaultMaxListeners : this._maxListeners; };
EventEmitter.listenerCount = (e, t) => e.listenerCount(t);
EventEmitter.once = (e, t) => new Promise((resolve, reject) => {
  if (typeof e.addEventListener === "function") { e.addEventListener(t, resolve, { once: true }); return; }
  const ok = (...a) => { e.removeListener("error", bad); resolve(a); }, bad = (x) => { e.removeListener(t, ok); reject(x); };
  e.once(t, ok);
  if (t !== "error") e.once("error", bad);
});
EventEmitter.setMaxListeners = () => {};
module.exports = EventEmitter;
