// Node's url: the WHATWG classes, and the older parse, format and resolve.
"use strict";
function Url() { for (const k of ["protocol", "slashes", "auth", "host", "port", "hostname", "hash", "search", "query", "pathname", "path", "href"]) this[k] = null; }
function parse(s, query, slashesDenoteHost) {
  if (s instanceof Url) return s;
  const u = new Url();
  let rest = String(s).trim();
  const take = (re) => { const m = re.exec(rest); if (m) rest = rest.slice(m[0].length); return m; };
  const hash = rest.indexOf("#");
  if (hash >= 0) { u.hash = rest.slice(hash); rest = rest.slice(0, hash); }
  const q = rest.indexOf("?");
  if (q >= 0) { u.search = rest.slice(q); u.query = rest.slice(q + 1); rest = rest.slice(0, q); }
  const p = take(/^([a-z0-9.+-]+:)/i);
  if (p) u.protocol = p[1].toLowerCase();
  const special = ["http:", "https:", "ftp:", "file:", "ws:", "wss:"].includes(u.protocol);
  if ((p || slashesDenoteHost) && take(/^\/\//)) {
    u.slashes = true;
    const h = take(/^[^/]*/)[0], at = h.lastIndexOf("@");
    if (at >= 0) u.auth = decodeURIComponent(h.slice(0, at));
    const m = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(h.slice(at + 1)) || [null, h.slice(at + 1)];
    u.hostname = m[1].toLowerCase().replace(/^\[|\]$/g, "");
    u.port = m[2] || null;
    u.host = m[1].toLowerCase() + (u.port ? ":" + u.port : "");
    if (special && rest === "") rest = "/";
  }
  u.pathname = rest === "" ? null : rest.replace(/[ "<>`{}|\\^]/g, encodeURIComponent);
  if (query) u.query = Object.fromEntries(new URLSearchParams(u.query || ""));
  u.path = u.pathname || u.search ? (u.pathname || "") + (u.search || "") : null;
  u.href = format(u);
  return u;
}
function format(u) {
  if (typeof u === "string") u = parse(u);
  if (u instanceof URL) return u.href;
  let p = u.protocol || "", host = u.host;
  if (p && !p.endsWith(":")) p += ":";
  if (!host && u.hostname) host = (u.hostname.includes(":") ? "[" + u.hostname + "]" : u.hostname) + (u.port ? ":" + u.port : "");
  let search = u.search || "";
  if (!search && u.query && typeof u.query === "object") { const q = new URLSearchParams(u.query).toString(); search = q ? "?" + q : ""; }
  if (search && search[0] !== "?") search = "?" + search;
  const hash = u.hash ? (u.hash[0] === "#" ? u.hash : "#" + u.hash) : "";
  const slashes = u.slashes || ((!p || /^(https?|ftp|file):$/.test(p)) && host !== null && host !== undefined && host !== false);
  let path = u.pathname || "";
  if (slashes && host && path && path[0] !== "/") path = "/" + path;
  return p + (slashes && (host || p === "file:") ? "//" + (u.auth ? encodeURIComponent(u.auth).replace(/%3A/i, ":") + "@" : "") + (host || "") : "") + path.replace(/[?#]/g, encodeURIComponent) + search.replace("#", "%23") + hash;
}
function resolve(from, to) {
  const r = new URL(to, new URL(from, "resolve://"));
  if (r.protocol === "resolve:") return r.pathname + r.search + r.hash;
  return r.toString();
}
module.exports = { URL, URLSearchParams, Url, parse, format, resolve, resolveObject: (a, b) => parse(resolve(a, b)), domainToASCII: (d) => d, domainToUnicode: (d) => d,
  fileURLToPath: (u) => decodeURIComponent(new URL(u).pathname), pathToFileURL: (p) => new URL("file://" + encodeURI(p)), urlToHttpOptions: (u) => ({ protocol: u.protocol, hostname: u.hostname, path: u.pathname + u.search, href: u.href }) };
