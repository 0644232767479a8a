// Node's util, the part that packages use.
"use strict";
const tag = (v) => Object.prototype.toString.call(v).slice(8, -1);
const custom = Symbol.for("nodejs.util.inspect.custom");
function inspect(v, o) {
  const depth = o && typeof o === "object" && o.depth !== undefined ? (o.depth === null ? 100 : o.depth) : 2;
  return show(v, depth, [], 0);
}
const q = (s) => (s.includes("'") ? (s.includes('"') ? "`" + s + "`" : JSON.stringify(s)) : "'" + s.replace(/\\/g, "\\\\").replace(/\n/g, "\\n") + "'");
function show(v, depth, seen, indent) {
  if (typeof v === "string") return q(v);
  if (typeof v === "function") return v.prototype && /^class/.test(Function.prototype.toString.call(v)) ? "[class " + (v.name || "(anonymous)") + "]" : "[Function" + (v.name ? ": " + v.name : " (anonymous)") + "]";
  if (typeof v === "bigint") return v + "n";
  if (v === null || typeof v !== "object") return Object.is(v, -0) ? "-0" : String(v);
  if (typeof v[custom] === "function") { const r = v[custom](depth, {}, inspect); return typeof r === "string" ? r : inspect(r); }
  if (seen.includes(v)) return "[Circular *1]";
  if (v instanceof Date) return isNaN(v) ? "Invalid Date" : v.toISOString();
  if (v instanceof RegExp) return String(v);
  const name = v.constructor ? v.constructor.name : "[Object: null prototype]";
  if (v instanceof Error && Object.keys(v).length === 0) return v.stack ? String(v) + "\n" + v.stack : "[" + v + "]";
  if (seen.length > depth) return Array.isArray(v) ? "[Array]" : "[" + name + "]";
  const below = [...seen, v], item = (x) => show(x, depth, below, indent + 2);
  const key = (k) => (typeof k === "symbol" ? "[" + k.toString() + "]" : /^[A-Za-z_$][\w$]*$/.test(k) ? k : q(k));
  let list, open = "{", close = "}", head = name === "Object" ? "" : name + " ";
  const props = Object.keys(v).filter((k) => !(Array.isArray(v) || ArrayBuffer.isView(v)) || !/^\d+$/.test(k)).map((k) => key(k) + ": " + item(v[k]));
  if (Array.isArray(v)) { open = "["; close = "]"; head = name === "Array" ? "" : name + "(" + v.length + ") "; list = [...v.slice(0, 100)].map(item); if (v.length > 100) list.push("... " + (v.length - 100) + " more items"); list.push(...props); }
  else if (v instanceof Map) { head = "Map(" + v.size + ") "; list = [...v].map(([a, b]) => item(a) + " => " + item(b)).concat(props); }
  else if (v instanceof Set) { head = "Set(" + v.size + ") "; list = [...v].map(item).concat(props); }
  else if (ArrayBuffer.isView(v) && !(v instanceof DataView)) { open = "["; close = "]"; head = name + "(" + v.length + ") "; list = Array.from(v).slice(0, 100).map(String); }
  else list = props;
  if (!list.length) return head + open + close;
  const line = list.join(", ");
  if (line.length + indent <= 72 && !line.includes("\n")) return head + open + " " + line + " " + close;
  const pad = " ".repeat(indent + 2);
  return head + open + "\n" + pad + list.join(",\n" + pad) + "\n" + " ".repeat(indent) + close;
}
inspect.custom = custom;
inspect.defaultOptions = {};
function format(f, ...args) {
  if (typeof f !== "string") return [f, ...args].map((x) => (typeof x === "string" ? x : inspect(x))).join(" ");
  let i = 0;
  let out = f.replace(/%[sdifjoOc%]/g, (m) => {
    if (m === "%%") return "%";
    if (i >= args.length) return m;
    const v = args[i++];
    switch (m) {
      case "%s": return typeof v === "object" && v !== null ? inspect(v, { depth: 0 }) : String(v);
      case "%d": return String(typeof v === "object" ? NaN : Number(v));
      case "%i": return String(parseInt(v, 10));
      case "%f": return String(parseFloat(v));
      case "%j": try { return JSON.stringify(v); } catch { return "[Circular]"; }
      case "%c": return "";
      default: return inspect(v);
    }
  });
  for (; i < args.length; i++) out += " " + (typeof args[i] === "string" ? args[i] : inspect(args[i]));
  return out;
}
function same(a, b, strict, seen) {
  if (strict ? Object.is(a, b) : a == b || (a !== a && b !== b)) return true; // eslint-disable-line eqeqeq
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (tag(a) !== tag(b)) return false;
  for (const [x, y] of seen) if (x === a && y === b) return true;
  seen = [...seen, [a, b]];
  if (a instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof RegExp) return String(a) === String(b);
  if (a instanceof Map || a instanceof Set) {
    if (a.size !== b.size) return false;
    const rest = [...b];
    return [...a].every((x) => { const i = rest.findIndex((y) => same(x, y, strict, seen)); return i >= 0 && (rest.splice(i, 1), true); });
  }
  const ka = Object.keys(a), kb = Object.keys(b);
  if (ka.length !== kb.length || (Array.isArray(a) && a.length !== b.length)) return false;
  if (a instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  return ka.every((k) => Object.prototype.hasOwnProperty.call(b, k) && same(a[k], b[k], strict, seen));
}
const is = (n) => (v) => tag(v) === n;
const types = {
  isDate: is("Date"), isRegExp: is("RegExp"), isMap: is("Map"), isSet: is("Set"), isWeakMap: is("WeakMap"), isWeakSet: is("WeakSet"), isPromise: (v) => v instanceof Promise,
  isNativeError: (v) => v instanceof Error, isArrayBuffer: is("ArrayBuffer"), isAnyArrayBuffer: is("ArrayBuffer"), isArrayBufferView: ArrayBuffer.isView, isDataView: is("DataView"),
  isTypedArray: (v) => ArrayBuffer.isView(v) && !(v instanceof DataView), isUint8Array: (v) => v instanceof Uint8Array, isGeneratorFunction: is("GeneratorFunction"),
  isAsyncFunction: is("AsyncFunction"), isGeneratorObject: is("Generator"), isSymbolObject: is("Symbol"), isNumberObject: (v) => v instanceof Number, isStringObject: (v) => v instanceof String,
  isBooleanObject: (v) => v instanceof Boolean, isBoxedPrimitive: (v) => v instanceof Number || v instanceof String || v instanceof Boolean, isProxy: () => false, isExternal: () => false,
};
const promisified = Symbol.for("nodejs.util.promisify.custom");
module.exports = {
  inspect, format, types, isDeepStrictEqual: (a, b) => same(a, b, true, []), isDeepEqual: (a, b) => same(a, b, false, []),
  inherits(c, s) { Object.defineProperty(c, "super_", { value: s, writable: true, configurable: true }); Object.setPrototypeOf(c.prototype, s.prototype); },
  promisify: Object.assign((f) => f[promisified] || function (...a) { return new Promise((ok, bad) => f.call(this, ...a, (e, v) => (e ? bad(e) : ok(v)))); }, { custom: promisified }),
  callbackify: (f) => function (...a) { const cb = a.pop(); f.apply(this, a).then((v) => setTimeout(cb, 0, null, v), (e) => setTimeout(cb, 0, e)); },
  deprecate: (f) => f, debuglog: () => Object.assign(() => {}, { enabled: false }), debug: () => () => {},
  isArray: Array.isArray, isString: (v) => typeof v === "string", isNumber: (v) => typeof v === "number", isFunction: (v) => typeof v === "function", isRegExp: types.isRegExp,
  isObject: (v) => v !== null && typeof v === "object", isUndefined: (v) => v === undefined, isNull: (v) => v === null, isNullOrUndefined: (v) => v == null, isBoolean: (v) => typeof v === "boolean",
  isDate: types.isDate, isError: types.isNativeError, isPrimitive: (v) => v === null || (typeof v !== "object" && typeof v !== "function"), isBuffer: (v) => globalThis.Buffer.isBuffer(v), isSymbol: (v) => typeof v === "symbol",
  stripVTControlCharacters: (s) => s.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ""), toUSVString: (s) => String(s).toWellFormed ? String(s).toWellFormed() : String(s),
  styleText: (_f, s) => s, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder, _extend: Object.assign,
};
