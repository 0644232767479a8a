// The engine's own part of the global object. `host` is the bag of Go functions; it is not visible to
// extensions. Every file of this folder is a function body of (host, def), run in name order.
"use strict";
host.hidden = new Map(); // timers, pending host calls, the current call

globalThis.global = globalThis;
globalThis.self = globalThis;
def("queueMicrotask", function queueMicrotask(f) {
  if (typeof f !== "function") throw new TypeError("queueMicrotask needs a function");
  Promise.resolve().then(f);
});
def("process", { env: {} });

// Error: what V8 has and packages call without asking.
def("captureStackTrace", function captureStackTrace(o) {
  if (o && typeof o === "object" && !("stack" in o)) {
    Object.defineProperty(o, "stack", { value: new Error(o.message || "").stack, writable: true, configurable: true });
  }
}, Error);
Error.stackTraceLimit = 10;

def("performance", {
  now: () => host.monotonic(),
  get timeOrigin() { return host.origin(); },
  mark() {}, measure() {},
  toJSON() { return { timeOrigin: host.origin() }; },
});
