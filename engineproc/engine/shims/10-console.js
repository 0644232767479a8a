"use strict";
const seenMark = "[Circular]";
function show(v, depth, seen, top) {
  switch (typeof v) {
    case "string": return top ? v : JSON.stringify(v);
    case "bigint": return v + "n";
    case "symbol": return v.toString();
    case "undefined": return "undefined";
    case "function": return "[Function" + (v.name ? ": " + v.name : " (anonymous)") + "]";
    case "object": break;
    default: return Object.is(v, -0) ? "-0" : String(v);
  }
  if (v === null) return "null";
  if (seen.has(v)) return seenMark;
  if (v instanceof Date) return isNaN(v) ? "Invalid Date" : v.toISOString();
  if (v instanceof RegExp) return String(v);
  if (depth < 0 && v instanceof Error) return text(v);
  if (depth < 0) return Array.isArray(v) ? "[Array]" : "[Object]";
  seen.add(v);
  try {
    if (v instanceof Error) return showError(v, depth, seen);
    const most = 100, in_ = (x) => show(x, depth - 1, seen, false);
    const cut = (list, n) => (n > most ? list.concat("... " + (n - most) + " more items") : list).join(", ");
    if (Array.isArray(v)) return "[ " + cut(v.slice(0, most).map(in_), v.length) + " ]";
    if (ArrayBuffer.isView(v) && !(v instanceof DataView)) {
      return v.constructor.name + "(" + v.length + ") [ " + cut(Array.from(v.slice(0, most), String), v.length) + " ]";
    }
    if (v instanceof Map) return "Map(" + v.size + ") { " + cut([...v].slice(0, most).map(([k, x]) => in_(k) + " => " + in_(x)), v.size) + " }";
    if (v instanceof Set) return "Set(" + v.size + ") { " + cut([...v].slice(0, most).map(in_), v.size) + " }";
    const keys = Object.keys(v), name = v.constructor && v.constructor.name;
    const body = cut(keys.slice(0, most).map((k) => property(v, k, in_)), keys.length);
    return (name && name !== "Object" ? name + " " : "") + (body ? "{ " + body + " }" : "{}");
  } finally {
    seen.delete(v);
  }
}
// property shows one without running the code of its getter.
function property(v, k, in_) {
  const d = Object.getOwnPropertyDescriptor(v, k) || {};
  return (/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k)) + ": " + (d.get ? "[Getter]" : d.set ? "[Setter]" : in_(d.value));
}
const text = (e) => String(e) + (e.stack ? "\n" + e.stack : "");
// showError adds to an error's text and stack what else it carries, and what it stands for.
function showError(v, depth, seen) {
  const in_ = (x) => show(x, depth - 1, seen, false);
  const more = Object.keys(v).filter((k) => k !== "name").slice(0, 20).map((k) => property(v, k, in_));
  if (v.cause !== undefined) more.push("[cause]: " + in_(v.cause));
  if (v instanceof AggregateError) more.push("[errors]: " + in_(v.errors));
  return text(v) + (more.length ? " { " + more.join(", ") + " }" : "");
}
// shown is show for what is logged: a value that cannot be read is no reason to fail the call that logs it.
function shown(v, depth, top) {
  try { return show(v, depth, new Set(), top); } catch { return "[unreadable]"; }
}
host.inspect = (v) => show(v, 4, new Set(), false);
function directive(m, v) {
  try {
    switch (m) {
      case "%s": return typeof v === "object" ? shown(v, 0, true) : String(v);
      case "%d": return typeof v === "symbol" ? "NaN" : String(Number(v));
      case "%i": return typeof v === "symbol" ? "NaN" : String(parseInt(v, 10));
      case "%f": return typeof v === "symbol" ? "NaN" : String(parseFloat(v));
      case "%j": try { return JSON.stringify(v); } catch { return seenMark; }
      case "%c": return "";
      default: return shown(v, 4, false);
    }
  } catch { return "[unreadable]"; }
}
function format(args) {
  let out = "", i = 0;
  if (typeof args[0] === "string") {
    i = 1;
    out = args[0].replace(/%[sdifjoOc%]/g, (m) => {
      if (m === "%%") return "%";
      return i < args.length ? directive(m, args[i++]) : m;
    });
  }
  for (; i < args.length; i++) out += (i > 0 ? " " : "") + shown(args[i], 2, true);
  return out;
}
host.format = (...args) => format(args);
const mostText = 8192; // characters of a line
const bounded = (s) => (s.length > mostText ? s.slice(0, mostText - 3) + "..." : s);
const counts = new Map(), times = new Map();
let indent = "";
const write = (level) => (...args) => host.log(level, bounded(indent + format(args)));
const console = {
  debug: write(0), log: write(1), info: write(1), dir: write(1), dirxml: write(1), table: write(1), warn: write(2), error: write(3),
  assert(ok, ...args) { if (!ok) console.error("Assertion failed" + (args.length ? ":" : ""), ...args); },
  count(l = "default") { counts.set(l, (counts.get(l) || 0) + 1); console.log(l + ": " + counts.get(l)); },
  countReset(l = "default") { counts.delete(l); },
  group(...args) { if (args.length) console.log(...args); if (indent.length < 40) indent += "  "; },
  groupEnd() { indent = indent.slice(2); },
  time(l = "default") { times.set(l, host.monotonic()); },
  timeEnd(l = "default") { console.timeLog(l); times.delete(l); },
  timeLog(l = "default", ...args) { if (times.has(l)) console.log(l + ": " + (host.monotonic() - times.get(l)).toFixed(3) + "ms", ...args); },
  trace(...args) { console.debug("Trace: " + format(args) + "\n" + new Error().stack); },
  clear() {},
};
console.groupCollapsed = console.group;
def("console", console);
