// The engine's own part of the global object. `host` is the bag of Go functions; it is not visible to
// extensions. Every file of this folder is a function body of (host, def), run in name order.
"use strict";
host.hidden = new Map(); // timers, pending host calls, the current call

globalThis.global = globalThis;
globalThis.self = globalThis;
def("queueMicrotask", function queueMicrotask(f) {
  if (typeof f !== "function") throw new TypeError("queueMicrotask needs a function");
  const of = host.call();
  Promise.resolve().then(() => { try { f(); } catch (e) { host.uncaught(of, e); } });
});

// Shims that few bundles need are read when first asked for: QuickJS parses all that it is given, and a cold
// start would pay. They stand below more lines than any code has, so that a frame tells whose it is.
const Make = Function, read = new Map();
host.lazy = (file) => {
  if (!read.has(file)) read.set(file, new Make("host", "def", "\n".repeat(50000) + host.source(file))(host, def));
  return read.get(file);
};
host.later = (name, file, on = globalThis) => Object.defineProperty(on, name, {
  configurable: true, enumerable: false,
  get() { const v = host.lazy(file)[name]; def(name, v, on); return v; },
  set(v) { def(name, v, on); },
});
for (const name of ["Blob", "File", "FormData"]) host.later(name, "file");
host.later("CryptoKey", "crypto");

def("process", { env: {} });

// What the bundler makes of "using" asks for these.
for (const name of ["dispose", "asyncDispose"]) if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol("Symbol." + name) });

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
