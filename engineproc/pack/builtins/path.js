// Node's path, posix.
"use strict";
function text(p, name) { if (typeof p !== "string") { const e = new TypeError('The "' + (name || "path") + '" argument must be of type string. Received ' + (p === null ? "null" : typeof p)); e.code = "ERR_INVALID_ARG_TYPE"; throw e; } return p; }
function parts(p, absolute) {
  const out = [];
  for (const s of p.split("/")) {
    if (s === "" || s === ".") continue;
    if (s === "..") { if (out.length && out[out.length - 1] !== "..") out.pop(); else if (!absolute) out.push(".."); } else out.push(s);
  }
  return out.join("/");
}
const path = {
  sep: "/", delimiter: ":",
  normalize(p) {
    if (text(p) === "") return ".";
    const abs = p[0] === "/", end = p[p.length - 1] === "/";
    let r = parts(p, abs);
    if (r === "" && !abs) r = ".";
    if (r !== "" && end) r += "/";
    return abs ? "/" + r : r;
  },
  isAbsolute: (p) => text(p)[0] === "/",
  join(...ps) { const j = ps.map((p) => text(p)).filter((p) => p !== "").join("/"); return j === "" ? "." : path.normalize(j); },
  resolve(...ps) {
    let r = "", abs = false;
    for (let i = ps.length - 1; i >= -1 && !abs; i--) { const p = i >= 0 ? text(ps[i]) : "/"; if (p === "") continue; r = p + "/" + r; abs = p[0] === "/"; }
    return "/" + parts(r, true);
  },
  relative(a, b) {
    a = path.resolve(a); b = path.resolve(b);
    if (a === b) return "";
    const x = a.split("/").filter(Boolean), y = b.split("/").filter(Boolean);
    let i = 0;
    while (i < x.length && i < y.length && x[i] === y[i]) i++;
    return [...x.slice(i).map(() => ".."), ...y.slice(i)].join("/");
  },
  dirname(p) {
    if (text(p) === "") return ".";
    const t = p.replace(/\/+$/, ""), i = t.lastIndexOf("/");
    if (t === "") return "/";
    return i < 0 ? "." : i === 0 ? "/" : t.slice(0, i).replace(/\/+$/, "") || "/";
  },
  basename(p, ext) {
    let b = text(p).replace(/\/+$/, "");
    b = b.slice(b.lastIndexOf("/") + 1);
    return ext && b !== ext && b.endsWith(ext) ? b.slice(0, -ext.length) : b;
  },
  extname(p) { const b = path.basename(p), i = b.lastIndexOf("."); return i <= 0 || b === ".." ? "" : b.slice(i); },
  parse(p) {
    const root = text(p)[0] === "/" ? "/" : "", base = path.basename(p), ext = path.extname(p);
    const t = p.replace(/\/+$/, ""), i = t.lastIndexOf("/");
    return { root, dir: i < 0 ? "" : i === 0 ? "/" : t.slice(0, i), base, ext, name: ext ? base.slice(0, -ext.length) : base };
  },
  format(o) { const dir = o.dir || o.root, base = o.base || (o.name || "") + (o.ext ? (o.ext[0] === "." ? "" : ".") + o.ext : ""); return dir ? (dir === o.root ? dir + base : dir + "/" + base) : base; },
  toNamespacedPath: (p) => p,
};
path.posix = path;
path.win32 = path;
module.exports = path;
