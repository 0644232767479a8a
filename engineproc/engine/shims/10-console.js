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
  if (v instanceof Error) return String(v) + (v.stack ? "\n" + v.stack : "");
  if (v instanceof Date) return isNaN(v) ? "Invalid Date" : v.toISOString();
  if (v instanceof RegExp) return String(v);
  if (depth < 0) return Array.isArray(v) ? "[Array]" : "[Object]";
  seen.add(v);
  try {
    const most = 100, in_ = (x) => show(x, depth - 1, seen, false);
    const cut = (list, n) => (n > most ? list.concat("... " + (n - most) + " more items") : list).join(", ");
    if (Array.isArray(v)) return "[ " + cut(v.slice(0, most).map(in_), v.length) + " ]";
    if (ArrayBuffer.isView(v) && !(v instanceof DataView)) {
      return v.constructor.name + "(" + v.length + ") [ " + cut(Array.from(v.slice(0, most), String), v.length) + " ]";
    }
    if (v instanceof Map) return "Map(" + v.size + ") { " + cut([...v].slice(0, most).map(([k, x]) => in_(k) + " => " + in_(x)), v.size) + " }";
    if (v instanceof Set) return "Set(" + v.size + ") { " + cut([...v].slice(0, most).map(in_), v.size) + " }";
    const keys = Object.keys(v), name = v.constructor && v.constructor.name;
    const body = cut(keys.slice(0, most).map((k) => (/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k)) + ": " + in_(v[k])), keys.length);
    return (name && name !== "Object" ? name + " " : "") + (body ? "{ " + body + " }" : "{}");
  } finally {
    seen.delete(v);
  }
}
host.inspect = (v) => show(v, 4, new Set(), false);
function format(args) {
  let out = "", i = 0;
  if (typeof args[0] === "string") {
    i = 1;
    out = args[0].replace(/%[sdifjoOc%]/g, (m) => {
      if (m === "%%") return "%";
      if (i >= args.length) return m;
      const v = args[i++];
      switch (m) {
        case "%s": return typeof v === "object" ? show(v, 0, new Set(), true) : String(v);
        case "%d": return String(Number(v));
        case "%i": return String(parseInt(v, 10));
        case "%f": return String(parseFloat(v));
        case "%j": try { return JSON.stringify(v); } catch { return seenMark; }
        case "%c": return "";
        default: return show(v, 4, new Set(), false);
      }
    });
  }
  for (; i < args.length; i++) out += (i > 0 ? " " : "") + show(args[i], 2, new Set(), true);
  return out;
}
host.format = (...args) => format(args);
const counts = new Map(), times = new Map();
let indent = "";
const write = (level) => (...args) => host.log(level, (indent + format(args)).slice(0, 8192));
const console = {
  debug: write(0), trace: write(0), log: write(1), info: write(1), dir: write(1), dirxml: write(1), table: write(1), warn: write(2), error: write(3),
  assert(ok, ...args) { if (!ok) console.error("Assertion failed" + (args.length ? ":" : ""), ...args); },
  count(l = "default") { counts.set(l, (counts.get(l) || 0) + 1); console.log(l + ": " + counts.get(l)); },
  countReset(l = "default") { counts.delete(l); },
  group(...args) { if (args.length) console.log(...args); if (indent.length < 40) indent += "  "; },
  groupEnd() { indent = indent.slice(2); },
  time(l = "default") { times.set(l, host.monotonic()); },
  timeEnd(l = "default") { console.timeLog(l); times.delete(l); },
  timeLog(l = "default", ...args) { if (times.has(l)) console.log(l + ": " + (host.monotonic() - times.get(l)).toFixed(3) + "ms", ...args); },
  clear() {},
};
console.groupCollapsed = console.group;
def("console", console);
