"use strict";
// The dispatcher: how Go loads a bundle, calls a method, and settles host calls. It reports back through
// host.done(ok, json) and host.failed(kind, name, message, stack).
const pending = new Map(); // host calls by id
let methods = new Map(), loaded = null, current = null, simulated = null;
const { stringify, parse } = JSON;
const text = (v) => { try { return String(v); } catch { return "(no text)"; } };
function fail(kind, e) {
  const isError = e !== null && typeof e === "object";
  let name = "", message = "", stack = "";
  try { name = isError ? text(e.name ?? "Error") : e == null ? "" : typeof e; message = isError ? text(e.message ?? host.inspect(e)) : text(e); stack = isError && e.stack ? text(e.stack) : ""; } catch { message = "(unreadable error)"; }
  const own = stack.search(/^    at __fnode_\w+__ /m); // from here on the frames are the engine's
  if (own >= 0) stack = stack.slice(0, own);
  host.failed(kind, name.slice(0, 128), message.slice(0, 8192), stack.slice(0, 16384));
}
host.callHost = (name, input) => {
  if (simulated) {
    simulated.push({ call: name, input });
    return Promise.resolve(name === "kv.list" ? [] : undefined);
  }
  return new Promise((resolve, reject) => {
    const json = stringify(input);
    if (json === undefined) throw new TypeError("the arguments of " + name + " are not JSON");
    pending.set(host.hostCall(name, json), { resolve, reject });
  });
};
const key = (k) => { if (typeof k !== "string" || k.length === 0 || k.length > 512) throw new TypeError("a key is a string of 1 to 512 characters"); return k; };
const modules = {
  kv: {
    get: async (k) => (await host.callHost("kv.get", { key: key(k) })) ?? undefined,
    set: async (k, value) => { if (stringify(value) === undefined) throw new TypeError("the value is not JSON"); await host.callHost("kv.set", { key: key(k), value }); },
    delete: async (k) => { await host.callHost("kv.delete", { key: key(k) }); },
    list: async (prefix = "") => (await host.callHost("kv.list", { prefix: String(prefix) })) ?? [],
  },
  host: { get config() { return loaded && loaded.config; }, get name() { return loaded && loaded.name; }, get version() { return loaded && loaded.version; } },
};
// done ends the call: its timers and host calls go with it, so that calls do not reach into each other. Who
// still waits for one of them in a later call is told so.
function done() {
  current = simulated = null;
  const lost = [...pending.values()];
  pending.clear();
  host.timerClear();
  for (const p of lost) p.reject(hostError("call_ended", "the call that asked the host has ended"));
}
function hostError(code, message) {
  const e = new Error(message);
  e.name = "HostError";
  e.code = code;
  return e;
}
const api = {
  begin(req) {
    loaded = parse(req);
    globalThis.__fnode_host = (n) => { if (!Object.hasOwn(modules, n)) throw new Error("there is no module fnode:" + n); return modules[n]; };
  },
  finish() {
    delete globalThis.__fnode_host;
    const exports = globalThis.__fnode_exports || {};
    globalThis.__fnode_exports = undefined; // declared by var: it cannot be deleted
    const more = exports.default && typeof exports.default === "object" ? exports.default : {};
    methods = new Map();
    for (const n of loaded.methods) {
      const f = typeof exports[n] === "function" ? exports[n] : more[n];
      if (typeof f !== "function") { host.failed("missing_method", "Error", "the package does not export a function " + n, ""); return; }
      methods.set(n, f);
    }
    host.done(stringify({ exports: Object.keys(exports) }));
  },
  invoke: function __fnode_invoke__(name, input, call, ms, max, simulate) {
    const f = methods.get(name);
    if (!f) { host.failed("missing_method", "Error", "there is no method " + name, ""); return; }
    let arg;
    try { arg = input === "" ? undefined : parse(input); } catch (e) { fail("bad_input", e); return; }
    const abort = new AbortController();
    const mine = { abort };
    current = mine;
    simulated = simulate ? [] : null;
    const ctx = { callId: call, signal: abort.signal, deadline: ms };
    const end = (v) => {
      if (current !== mine) return;
      let json;
      try { json = stringify(v); } catch (e) { done(); fail("throw", e); return; }
      if (json === undefined) json = "null";
      if (simulated) json = stringify({ result: parse(json), effects: simulated });
      done();
      if (json.length > max) { host.failed("result_too_large", "RangeError", "the result has " + json.length + " characters; at most " + max, ""); return; }
      host.done(json);
    };
    const broke = (e) => { if (current === mine) { done(); fail("throw", e); } };
    let r;
    try { r = f(arg, ctx); } catch (e) { broke(e); return; }
    if (r !== null && typeof r === "object" && typeof r.then === "function") r.then(end, broke); else end(r);
  },
  settle(id, ok, json, kind) {
    const p = pending.get(id);
    if (!p) return;
    pending.delete(id);
    if (ok) { p.resolve(json === "" ? undefined : parse(json)); return; }
    p.reject(hostError(kind, json));
  },
  cancel() { if (current) current.abort.abort(); },
  abandon() { const c = current; done(); if (c) c.abort.abort(); done(); },
  waiting: () => pending.size,
  timerNext: host.timerNext,
  timerRun: host.timerRun,
};
return api;
