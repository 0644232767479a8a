"use strict";
// Timers live here; Go only asks for the next due time and runs what is due (HTML standard, timers; one
// thread, so that order is by time, then by creation).
const timers = new Map();
let nextId = 1;
const most = 10000;
function add(f, ms, args, every) {
  if (typeof f !== "function") {
    if (typeof f !== "string") throw new TypeError("a timer needs a function");
    f = new Function(f);
  }
  if (timers.size >= most) throw new RangeError("more than " + most + " timers");
  ms = Math.max(every ? 1 : 0, Math.min(Number(ms) || 0, 2 ** 31 - 1));
  const t = { id: nextId++, due: host.monotonic() + ms, f, args, every: every ? ms : -1 };
  timers.set(t.id, t);
  return new Timeout(t.id);
}
class Timeout {
  #id;
  constructor(id) { this.#id = id; }
  ref() { return this; }
  unref() { return this; }
  hasRef() { return true; }
  close() { timers.delete(this.#id); return this; }
  refresh() { const t = timers.get(this.#id); if (t) t.due = host.monotonic() + Math.max(0, t.every); return this; }
  [Symbol.toPrimitive]() { return this.#id; }
}
const clear = (t) => { if (t != null) timers.delete(Number(t)); };
def("setTimeout", function setTimeout(f, ms, ...args) { return add(f, ms, args, false); });
def("setInterval", function setInterval(f, ms, ...args) { return add(f, ms, args, true); });
def("setImmediate", function setImmediate(f, ...args) { return add(f, 0, args, false); });
def("clearTimeout", function clearTimeout(t) { clear(t); });
def("clearInterval", function clearInterval(t) { clear(t); });
def("clearImmediate", function clearImmediate(t) { clear(t); });
function first() {
  let best = null;
  for (const t of timers.values()) if (!best || t.due < best.due || (t.due === best.due && t.id < best.id)) best = t;
  return best;
}
// next is the ms until a timer is due, -1 if there is none. run runs one timer that is due.
host.timerNext = () => { const t = first(); return t ? Math.max(0, t.due - host.monotonic()) : -1; };
host.timerRun = function __fnode_timer__() {
  const t = first();
  if (!t || t.due > host.monotonic()) return;
  if (t.every >= 0) t.due = host.monotonic() + t.every; else timers.delete(t.id);
  t.f(...t.args);
};
host.timerClear = () => timers.clear();
