"use strict";
// The dispatcher: how Go loads a bundle, calls a method, and settles host calls. It reports back through
// host.done(ok, json) and host.failed(kind, name, message, stack).
const pending = new Map(); // host calls by id
const methods = new Map(); // name to the object that has it
let loaded = null, current = null, simulated = null;
let loading = false, broken = null; // broken: what a microtask threw while the bundle was loaded, in a list
const { stringify, parse } = JSON;
const text = (v) => { try { return String(v); } catch { return "(no text)"; } };
// brief is an error in a few words, for a message that names it as a cause.
const brief = (e) => (e !== null && typeof e === "object" && "message" in e ? text(e.name ?? "Error") + ": " + text(e.message) : host.inspect(e)).slice(0, 1024);
// because names the errors that an error stands for: those of an AggregateError, and the chain of causes.
function because(e) {
  let out = "";
  if (e instanceof AggregateError && Array.isArray(e.errors)) out += (e.message ? ": " : "") + e.errors.slice(0, 5).map(brief).join("; ");
  for (let n = 0; n < 5 && e !== null && typeof e === "object" && e.cause !== undefined; n++, e = e.cause) out += "; cause: " + brief(e.cause);
  return out;
}
function fail(kind, e) {
  const isError = e !== null && typeof e === "object";
  let name = "", message = "", stack = "";
  try { name = isError ? text(e.name ?? "Error") : e == null ? "" : typeof e; message = isError ? text(e.message ?? host.inspect(e)) + because(e) : text(e); stack = isError && e.stack ? text(e.stack) : ""; } catch { message = "(unreadable error)"; }
  const own = stack.search(/^    at __fnode_\w+__ /m); // from here on the frames are the engine's
  if (own >= 0) stack = stack.slice(0, own);
  host.failed(kind, name.slice(0, 128), message.slice(0, 8192), stack.slice(0, 16384));
}
host.callHost = (name, input) => {
  const json = stringify(input); // now: the code may change it before it is sent or told
  if (simulated) {
    simulated.push({ call: name, input: parse(json) });
    return Promise.resolve(name === "kv.list" ? [] : undefined);
  }
  const at = new Error(); // made here, where the author's frames are: the answer comes from elsewhere
  return new Promise((resolve, reject) => { pending.set(host.hostCall(name, json), { resolve, reject, at }); });
};
// whole refuses text that UTF-8 cannot carry: on their way to the host all halves of surrogate pairs become the same.
const half = /[\ud800-\udfff]/u;
const whole = (s) => { if (half.test(s)) throw new TypeError("the key holds half of a surrogate pair"); return s; };
// size refuses text of more UTF-8 bytes than the host takes, where the author's frames are.
const mostKey = 512, mostValue = 256 * 1024;
function size(what, s, most) {
  if (s.length * 3 <= most) return;
  const n = s.length > most ? s.length : host.bytesIn(s); // counting them here would take longer than the call
  if (n > most) throw new RangeError(what + " has " + (s.length > most ? "at least " : "") + n + " bytes; at most " + most);
}
const key = (k) => { if (typeof k !== "string" || k === "") throw new TypeError("a key is a string that is not empty"); size("the key", k, mostKey); return whole(k); };
function json(v) {
  const s = stringify(v);
  if (s === undefined) throw new TypeError("the value is not JSON");
  size("the value", s, mostValue);
  return v;
}
const modules = {
  kv: {
    get: async (k) => await host.callHost("kv.get", { key: key(k) }),
    set: async (k, value) => { await host.callHost("kv.set", { key: key(k), value: json(value) }); },
    delete: async (k) => { await host.callHost("kv.delete", { key: key(k) }); },
    list: async (prefix = "") => { prefix = whole(String(prefix)); size("the prefix", prefix, mostKey); return (await host.callHost("kv.list", { prefix })) ?? []; },
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
  for (const p of lost) p.reject(hostError(p.at, "call_ended", "the call that asked the host has ended"));
}
// hostError makes the error of a refused host call of the one that was kept when it was asked.
function hostError(e, code, message) {
  def("message", message, e);
  e.name = "HostError";
  e.code = code;
  return e;
}
// call is what runs now; uncaught ends the call, or the loading, whose microtask threw: nobody else hears of it.
host.call = () => current;
host.uncaught = (of, e) => {
  if (of !== current) console.error("a microtask of a call that has ended:", e);
  else if (current) { done(); fail("throw", e); }
  else if (loading) broken ??= [e];
};
// offers says whether what a package exports has a method of that name; what every object has is none.
function offers(o, name) {
  const f = o[name];
  return typeof f === "function" && f !== Object.prototype[name] && f !== Function.prototype[name];
}
// unheard are rejected promises that nobody listens to, with the reason. tell logs them at the end of the call.
const unheard = new Map(), mostUnheard = 20;
function tell() {
  try {
    const all = [...unheard.values()].filter((e) => !(e instanceof Error && e.code === "call_ended"));
    unheard.clear();
    for (const e of all) console.error("a promise was rejected and nobody listened:", e);
  } catch { /* code that changed what is used here hears of it less */ }
}
const api = {
  rejected(promise, ...reason) {
    if (!reason.length) unheard.delete(promise);
    else if (unheard.size < mostUnheard) unheard.set(promise, reason[0]);
  },
  begin(req) {
    loaded = parse(req);
    loading = true;
    globalThis.__fnode_host = (n) => { if (!Object.hasOwn(modules, n)) throw new Error("there is no module fnode:" + n); return modules[n]; };
  },
  finish() {
    loading = false;
    tell();
    delete globalThis.__fnode_host;
    const exports = globalThis.__fnode_exports || {};
    globalThis.__fnode_exports = undefined; // declared by var: it cannot be deleted
    const more = exports.default && typeof exports.default === "object" ? exports.default : {};
    if (broken) { fail("load", broken[0]); return; }
    for (const n of loaded.methods) {
      const owner = [exports, more].find((o) => offers(o, n));
      if (!owner) { host.failed("missing_method", "Error", "the package does not export a function " + n, ""); return; }
      methods.set(n, owner);
    }
    host.done(stringify({ exports: Object.keys(exports) }));
  },
  invoke: function __fnode_invoke__(name, input, call, ms, max, simulate) {
    const owner = methods.get(name);
    if (!owner) { host.failed("missing_method", "Error", "there is no method " + name, ""); return; }
    let arg;
    try { arg = input === "" ? undefined : parse(input); } catch (e) { fail("bad_input", e); return; }
    const abort = new AbortController();
    const mine = { abort };
    current = mine;
    simulated = simulate ? [] : null;
    const ctx = { callId: call, signal: abort.signal, deadline: ms };
    const end = (v) => {
      if (current !== mine) return;
      tell();
      let json;
      try { json = stringify(v); } catch (e) { done(); fail("throw", e); return; }
      if (json === undefined) json = "null";
      if (simulated) json = stringify({ result: parse(json), effects: simulated });
      done();
      if (json.length > max) { host.failed("result_too_large", "RangeError", "the result has " + json.length + " characters; at most " + max, ""); return; }
      host.done(json);
    };
    const broke = (e) => { if (current === mine) { tell(); done(); fail("throw", e); } };
    let r;
    try { r = owner[name](arg, ctx); } catch (e) { broke(e); return; }
    if (r !== null && typeof r === "object" && typeof r.then === "function") r.then(end, broke); else end(r);
  },
  settle(id, ok, json, kind) {
    const p = pending.get(id);
    if (!p) return;
    pending.delete(id);
    if (ok) { p.resolve(json === "" ? undefined : parse(json)); return; }
    p.reject(hostError(p.at, kind, json));
  },
  cancel() { if (current) current.abort.abort(); },
  abandon() { const c = current; done(); if (c) c.abort.abort(); done(); tell(); },
  waiting: () => pending.size,
  timerNext: host.timerNext,
  timerRun: host.timerRun,
};
return api;
