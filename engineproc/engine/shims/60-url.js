"use strict";
// WHATWG URL: parser, setters, live searchParams. Hosts: domains (other than ASCII, and
// punycode, by Go's IDNA tables), IPv4 and IPv6.
const ports = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const special = (p) => p in ports;
const te = new TextEncoder();
const C0 = (c) => c <= 0x1f || c > 0x7e;
const set = (s) => { const t = new Set([...s].map((c) => c.charCodeAt(0))); return (c) => C0(c) || t.has(c); };
const inFragment = set(' "<>`'), inQuery = set(' "#<>'), inSpecialQuery = set(' "#<>\''), inPath = set(' "#<>?`{}^'), inUser = set(' "#<>?`{}/:;=@[\\]^|');
function enc(s, need) {
  let out = "";
  for (const ch of s) {
    const c = ch.codePointAt(0);
    if (!need(c)) { out += ch; continue; }
    for (const b of te.encode(ch)) out += "%" + (b < 16 ? "0" : "") + b.toString(16).toUpperCase();
  }
  return out;
}
function unpercent(s) {
  if (!s.includes("%")) return s;
  const b = te.encode(s), out = [];
  for (let i = 0; i < b.length; i++) {
    const h = b[i] === 37 ? String.fromCharCode(b[i + 1], b[i + 2]) : "";
    if (/^[0-9a-fA-F]{2}$/.test(h)) { out.push(parseInt(h, 16)); i += 2; } else out.push(b[i]);
  }
  return host.utf8(Uint8Array.from(out));
}
const bad = (what) => { const e = new TypeError("Invalid URL"); e.code = "ERR_INVALID_URL"; e.input = what; throw e; };
function ipv4(h) {
  const parts = h.split(".");
  if (parts[parts.length - 1] === "" && parts.length > 1) parts.pop();
  const last = parts[parts.length - 1];
  if (!/^(\d+|0[xX][0-9a-fA-F]*)$/.test(last)) return null;
  if (parts.length > 4) bad(h);
  const ns = parts.map((p) => {
    if (p === "") bad(h);
    const v = /^0[xX]/.test(p) ? (p.length === 2 ? 0 : /^0[xX][0-9a-fA-F]+$/.test(p) ? parseInt(p, 16) : NaN) : /^0[0-7]*$/.test(p) ? parseInt(p, 8) : /^\d+$/.test(p) && p[0] !== "0" ? parseInt(p, 10) : NaN;
    if (isNaN(v)) bad(h);
    return v;
  });
  let n = ns[ns.length - 1];
  if (n >= 256 ** (5 - ns.length)) bad(h);
  for (let i = 0; i < ns.length - 1; i++) { if (ns[i] > 255) bad(h); n += ns[i] * 256 ** (3 - i); }
  return [24, 16, 8, 0].map((s) => Math.floor(n / 2 ** s) % 256).join(".");
}
function ipv6(h) {
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(h);
  if (v4) {
    const n = v4.slice(2).map(Number);
    if (n.some((x) => x > 255)) bad(h);
    h = v4[1] + ((n[0] << 8) | n[1]).toString(16) + ":" + ((n[2] << 8) | n[3]).toString(16);
  }
  const halves = h.split("::");
  if (halves.length > 2) bad(h);
  const part = (s) => (s === "" ? [] : s.split(":").map((g) => (/^[0-9a-fA-F]{1,4}$/.test(g) ? parseInt(g, 16) : bad(h))));
  const a = part(halves[0]), b = halves.length === 2 ? part(halves[1]) : [];
  if (halves.length === 2 ? a.length + b.length > 7 : a.length !== 8) bad(h);
  const g = [...a, ...new Array(8 - a.length - b.length).fill(0), ...b];
  let best = -1, len = 1;
  for (let i = 0; i < 8; i++) { let k = i; while (k < 8 && g[k] === 0) k++; if (k - i > len) { best = i; len = k - i; } }
  const hex = (xs) => xs.map((x) => x.toString(16)).join(":");
  return "[" + (best < 0 ? hex(g) : hex(g.slice(0, best)) + "::" + hex(g.slice(best + len))) + "]";
}
function parseHost(h, isSpecial) {
  if (h[0] === "[") { if (h[h.length - 1] !== "]") bad(h); return ipv6(h.slice(1, -1)); }
  if (!isSpecial) { if (/[\0\t\n\r #/:<>?@[\\\]^|]/.test(h)) bad(h); return enc(h, C0); }
  h = unpercent(h).toLowerCase();
  if (/[^\0-\x7f]|(^|\.)xn--/.test(h)) h = host.toASCII(h) || bad(h);
  if (h === "" || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(h)) bad(h);
  return ipv4(h) ?? h;
}
function parsePath(path, sp, base) {
  const out = base.slice(), segs = path.split(sp ? /[/\\]/ : "/");
  segs.forEach((s, i) => {
    const last = i === segs.length - 1, l = s.toLowerCase().replace(/%2e/g, ".");
    if (l === "..") { if (!(out.length === 1 && sp === "file" && /^[A-Za-z]:$/.test(out[0]))) out.pop(); if (last) out.push(""); }
    else if (l === ".") { if (last) out.push(""); }
    else {
      if (sp === "file" && out.length === 0 && /^[A-Za-z][:|]$/.test(s)) s = s[0] + ":";
      out.push(enc(s, inPath));
    }
  });
  return out;
}
function parse(input, base) {
  let s = String(input).replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
  const u = { protocol: "", username: "", password: "", host: null, port: "", path: [], opaque: false, query: null, fragment: null };
  let hash = s.indexOf("#");
  if (hash >= 0) { u.fragment = enc(s.slice(hash + 1), inFragment); s = s.slice(0, hash); }
  const m = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(s);
  let rest = s;
  if (m) { u.protocol = m[1].toLowerCase() + ":"; rest = s.slice(m[0].length); } else if (!base) bad(input);
  let sp = special(m ? u.protocol : base.protocol);
  const relative = !m || (base && u.protocol === base.protocol && sp && !/^[/\\]{1,2}/.test(rest) && u.protocol !== "file:");
  const q = (t) => {
    const i = t.indexOf("?");
    if (i < 0) return t;
    u.query = enc(t.slice(i + 1), sp ? inSpecialQuery : inQuery);
    return t.slice(0, i);
  };
  const isFile = (m ? u.protocol : base.protocol) === "file:";
  if (m && !sp && rest[0] !== "/") { u.opaque = true; u.path = enc(q(rest), C0).replace(/ $/, "%20"); return u; }
  if (relative || (isFile && base && base.protocol === "file:")) {
    if (!base || (base.opaque && (rest !== "" || hash < 0))) bad(input);
    if (base.opaque) { Object.assign(u, { ...base, fragment: u.fragment }); return u; }
    u.protocol = base.protocol;
    sp = special(u.protocol);
  }
  const slash = sp ? /^[/\\]{2}/ : /^\/\//;
  if (slash.test(rest) || (m && sp && !relative && !isFile)) {
    rest = m && sp && !isFile ? rest.replace(/^[/\\]*/, "") : rest.slice(2);
    const end = rest.search(sp ? /[/\\?]/ : /[/?]/);
    let auth = end < 0 ? rest : rest.slice(0, end);
    rest = end < 0 ? "" : rest.slice(end);
    if (isFile && /^[A-Za-z][:|]$/.test(auth)) { rest = "/" + auth + rest; auth = ""; }
    const at = auth.lastIndexOf("@");
    if (at >= 0) {
      const [, name, pass] = /^([^:]*)(?::(.*))?$/s.exec(auth.slice(0, at));
      u.username = enc(name, inUser);
      u.password = enc(pass || "", inUser);
      auth = auth.slice(at + 1);
      if (auth === "") bad(input);
    }
    const pm = /^(.*?)(?::(\d*))?$/s.exec(auth);
    if (auth.includes(":") && !/^(\[[^\]]*\]|[^:]*)(:\d*)?$/.test(auth)) bad(input);
    const hm = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(auth) || pm;
    if (sp && hm[1] === "" && !isFile) bad(input);
    u.host = hm[1] === "" ? "" : parseHost(hm[1], sp);
    if (isFile && u.host === "localhost") u.host = "";
    if (hm[2]) { const p = parseInt(hm[2], 10); if (p > 65535) bad(input); u.port = String(p) === ports[u.protocol] ? "" : String(p); }
    rest = q(rest);
    u.path = rest === "" ? (sp ? [""] : []) : parsePath(rest.slice(1), isFile ? "file" : sp, []);
    return u;
  }
  if (m && !relative && !(isFile && base && base.protocol === "file:")) {
    u.host = isFile ? "" : null;
    u.path = parsePath(q(rest).replace(sp ? /^[/\\]/ : /^\//, ""), isFile ? "file" : sp, []);
    return u;
  }
  Object.assign(u, { username: base.username, password: base.password, host: base.host, port: base.port });
  const noQuery = !rest.includes("?");
  rest = q(rest);
  if (rest === "") { u.path = base.path.slice(); if (noQuery) u.query = base.query; }
  else if ((sp ? /^[/\\]/ : /^\//).test(rest)) u.path = parsePath(rest.slice(1), isFile ? "file" : sp, []);
  else u.path = parsePath(rest, isFile ? "file" : sp, base.path.slice(0, -1));
  return u;
}
const formEnc = (s) => enc(s, (c) => !(c === 42 || c === 45 || c === 46 || c === 95 || c === 32 || (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122))).replace(/ /g, "+");
class URLSearchParams {
  #list = []; #on = null;
  constructor(init = "") {
    if (init && typeof init === "object" || typeof init === "function") {
      if (typeof init[Symbol.iterator] === "function") {
        for (const p of init) { const a = [...p]; if (a.length !== 2) throw new TypeError("Each query pair must be an iterable [name, value] tuple"); this.#list.push([String(a[0]), String(a[1])]); }
      } else for (const k of Object.keys(init)) this.#list.push([k, String(init[k])]);
    } else this.#parse(String(init).replace(/^\?/, ""));
  }
  #parse(s) {
    this.#list = s.split("&").filter((p) => p !== "").map((p) => { const i = p.indexOf("="); return (i < 0 ? [p, ""] : [p.slice(0, i), p.slice(i + 1)]).map((x) => unpercent(x.replace(/\+/g, " "))); });
  }
  #changed() { if (this.#on) this.#on(this.toString()); }
  static bind(p, on) { p.#on = on; }
  static reset(p, s) { p.#parse(s); }
  get size() { return this.#list.length; }
  append(k, v) { this.#list.push([String(k), String(v)]); this.#changed(); }
  delete(k, v) { this.#list = this.#list.filter(([n, x]) => n !== String(k) || (v !== undefined && x !== String(v))); this.#changed(); }
  get(k) { const p = this.#list.find(([n]) => n === String(k)); return p ? p[1] : null; }
  getAll(k) { return this.#list.filter(([n]) => n === String(k)).map(([, v]) => v); }
  has(k, v) { return this.#list.some(([n, x]) => n === String(k) && (v === undefined || x === String(v))); }
  set(k, v) {
    const i = this.#list.findIndex(([n]) => n === String(k));
    if (i < 0) this.#list.push([String(k), String(v)]);
    else { this.#list[i][1] = String(v); this.#list = this.#list.filter(([n], j) => j <= i || n !== String(k)); }
    this.#changed();
  }
  sort() { this.#list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#changed(); }
  forEach(f, self) { for (const [k, v] of this.#list) f.call(self, v, k, this); }
  *entries() { for (const [k, v] of this.#list) yield [k, v]; }
  *keys() { for (const [k] of this.#list) yield k; }
  *values() { for (const [, v] of this.#list) yield v; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return "URLSearchParams"; }
  toString() { return this.#list.map(([k, v]) => formEnc(k) + "=" + formEnc(v)).join("&"); }
}
const { bind, reset } = URLSearchParams;
delete URLSearchParams.bind;
delete URLSearchParams.reset;
class URL {
  #u; #q;
  constructor(url, base) {
    this.#u = parse(url, base === undefined ? undefined : parse(base));
    this.#q = new URLSearchParams(this.#u.query || "");
    bind(this.#q, (s) => { this.#u.query = s === "" ? null : s; });
  }
  static canParse(u, b) { try { new URL(u, b); return true; } catch { return false; } }
  static parse(u, b) { try { return new URL(u, b); } catch { return null; } }
  get protocol() { return this.#u.protocol; }
  set protocol(v) { const m = /^([A-Za-z][A-Za-z0-9+.-]*):?/.exec(v); if (m && special(m[1].toLowerCase() + ":") === special(this.#u.protocol)) { this.#u.protocol = m[1].toLowerCase() + ":"; if (ports[this.#u.protocol] === this.#u.port) this.#u.port = ""; } }
  get username() { return this.#u.username; }
  set username(v) { if (this.#u.host) this.#u.username = enc(String(v), inUser); }
  get password() { return this.#u.password; }
  set password(v) { if (this.#u.host) this.#u.password = enc(String(v), inUser); }
  get hostname() { return this.#u.host || ""; }
  set hostname(v) { if (!this.#u.opaque) try { this.#u.host = parseHost(String(v), special(this.#u.protocol)); } catch {} }
  get port() { return this.#u.port; }
  set port(v) { v = String(v); if (v === "") this.#u.port = ""; else { const m = /^\d+/.exec(v); if (m && Number(m[0]) < 65536 && this.#u.host) this.#u.port = String(Number(m[0])) === ports[this.#u.protocol] ? "" : String(Number(m[0])); } }
  get host() { return this.hostname + (this.port ? ":" + this.port : ""); }
  set host(v) { const m = /^(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?/.exec(String(v)); this.hostname = m[1]; if (m[2]) this.port = m[2]; }
  get pathname() { return this.#u.opaque ? this.#u.path : this.#u.path.length ? "/" + this.#u.path.join("/") : ""; }
  set pathname(v) { if (!this.#u.opaque) this.#u.path = parsePath(enc(String(v), (c) => c === 35 || c === 63).replace(special(this.#u.protocol) ? /^[/\\]/ : /^\//, ""), special(this.#u.protocol), []); }
  get search() { return this.#u.query ? "?" + this.#u.query : ""; }
  set search(v) { v = String(v).replace(/^\?/, ""); this.#u.query = v === "" ? null : enc(v, special(this.#u.protocol) ? inSpecialQuery : inQuery); reset(this.#q, v); }
  get hash() { return this.#u.fragment ? "#" + this.#u.fragment : ""; }
  set hash(v) { v = String(v).replace(/^#/, ""); this.#u.fragment = v === "" ? null : enc(v, inFragment); }
  get searchParams() { return this.#q; }
  get origin() { return special(this.#u.protocol) && this.#u.protocol !== "file:" ? this.#u.protocol + "//" + this.host : "null"; }
  get href() {
    const u = this.#u;
    let s = u.protocol;
    if (u.host !== null) s += "//" + (u.username || u.password ? u.username + (u.password ? ":" + u.password : "") + "@" : "") + this.host;
    else if (!u.opaque && u.path.length > 1 && u.path[0] === "") s += "/.";
    return s + this.pathname + (u.query !== null ? "?" + u.query : "") + (u.fragment !== null ? "#" + u.fragment : "");
  }
  set href(v) { const n = new URL(v); this.#u = n.#u; reset(this.#q, n.#u.query || ""); }
  toString() { return this.href; }
  toJSON() { return this.href; }
  get [Symbol.toStringTag]() { return "URL"; }
}
def("URLSearchParams", URLSearchParams);
def("URL", URL);
