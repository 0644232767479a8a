"use strict";
// What the engine's Intl lacks, for English: segments, plural rules, collation, lists. Locale data for
// other languages is not here; resolvedOptions says so.
if (typeof Intl === "undefined") def("Intl", {});
const canon = (l) => (l === undefined ? [] : (Array.isArray(l) ? l : [l]).map((t) => {
  t = String(t);
  if (!/^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$/.test(t)) throw new RangeError("Incorrect locale information provided");
  return t.split(/[-_]/).map((p, i) => (i === 0 ? p.toLowerCase() : p.length === 2 ? p.toUpperCase() : p.length === 4 ? p[0].toUpperCase() + p.slice(1).toLowerCase() : p.toLowerCase())).join("-");
}));
const locale = (l) => canon(l)[0] || "en-US";
const absent = (name, v) => { if (!(name in Intl)) def(name, v, Intl); };
absent("getCanonicalLocales", canon);
absent("supportedValuesOf", () => []);

// Collation as the root locale does it for Latin letters: letters, then accents, then case.
const base = (s) => s.normalize("NFD").replace(/[\u0300-\u036f]/g, "");
const cls = (c) => (/\s/.test(c) ? 0 : /[_\-,;:!?.'"()[\]{}@*\/\\&#%`^+<=>|~$]/.test(c) ? 1 : /\d/.test(c) ? 2 : 3);
const marks = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
function weigh(a, b) {
  const ca = cls(a), cb = cls(b);
  if (ca !== cb) return ca - cb;
  if (ca === 1) return marks.indexOf(a) - marks.indexOf(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
function collate(a, b, o) {
  const split = (s) => (o.numeric ? base(s).toLowerCase().match(/\d+|\D/g) || [] : [...base(s).toLowerCase()]);
  const x = split(a), y = split(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const num = o.numeric && /^\d/.test(x[i]) && /^\d/.test(y[i]);
    const d = num ? Number(x[i]) - Number(y[i]) : weigh(x[i], y[i]);
    if (d) return Math.sign(d);
  }
  if (x.length !== y.length) return Math.sign(x.length - y.length);
  const level = { base: 1, accent: 2, case: 3, variant: 4 }[o.sensitivity || "variant"];
  if (level === 2 || level === 4) {
    const m = a.normalize("NFD").toLowerCase(), n = b.normalize("NFD").toLowerCase();
    if (m !== n) return m < n ? -1 : 1;
  }
  if (level >= 3) for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] === b[i]) continue;
    const lower = a[i] === a[i].toLowerCase();
    return (lower ? -1 : 1) * (o.caseFirst === "upper" ? -1 : 1);
  }
  return 0;
}
class Collator {
  #o;
  constructor(l, o = {}) { this.#o = { locale: locale(l), usage: "sort", sensitivity: "variant", ignorePunctuation: false, collation: "default", numeric: !!o.numeric, caseFirst: "false", ...o }; this.compare = (a, b) => collate(String(a), String(b), this.#o); }
  resolvedOptions() { return { ...this.#o }; }
  static supportedLocalesOf(l) { return canon(l); }
}
absent("Collator", Collator);
def("localeCompare", function localeCompare(that, l, o = {}) { return collate(String(this), String(that), o || {}); }, String.prototype);

class PluralRules {
  #o;
  constructor(l, o = {}) { this.#o = { locale: locale(l), type: o.type || "cardinal", minimumIntegerDigits: 1, minimumFractionDigits: 0, maximumFractionDigits: 3 }; }
  select(n) {
    n = Number(n);
    if (this.#o.type === "ordinal") {
      const t = n % 10, h = n % 100;
      return t === 1 && h !== 11 ? "one" : t === 2 && h !== 12 ? "two" : t === 3 && h !== 13 ? "few" : "other";
    }
    const lang = this.#o.locale.slice(0, 2);
    if (["ja", "zh", "ko", "vi", "th", "id"].includes(lang)) return "other";
    if (lang === "fr" || lang === "pt") return n >= 0 && n < 2 ? "one" : "other";
    if (["ru", "uk", "pl"].includes(lang) && Number.isInteger(n)) {
      const t = n % 10, h = n % 100;
      if (lang === "pl" ? n === 1 : t === 1 && h !== 11) return "one";
      return t >= 2 && t <= 4 && (h < 12 || h > 14) ? "few" : "many";
    }
    return n === 1 ? "one" : "other";
  }
  resolvedOptions() { return { ...this.#o, pluralCategories: this.#o.type === "ordinal" ? ["few", "one", "two", "other"] : ["one", "other"] }; }
  static supportedLocalesOf(l) { return canon(l); }
}
absent("PluralRules", PluralRules);

class ListFormat {
  #o;
  constructor(l, o = {}) { this.#o = { locale: locale(l), type: o.type || "conjunction", style: o.style || "long" }; }
  format(list) {
    const a = [...list].map(String), w = this.#o.type === "disjunction" ? "or" : this.#o.type === "unit" ? "" : "and";
    if (a.length < 2) return a.join("");
    if (!w) return a.join(", ");
    return a.length === 2 ? a.join(" " + w + " ") : a.slice(0, -1).join(", ") + ", " + w + " " + a[a.length - 1];
  }
  resolvedOptions() { return { ...this.#o }; }
}
absent("ListFormat", ListFormat);

// Grapheme clusters: combining marks, joiners, variation selectors, flags, Hangul; words by letters.
const extend = /^[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}]/u;
const flag = (c) => c >= "\u{1f1e6}" && c <= "\u{1f1ff}";
function graphemes(s) {
  const out = [];
  let flags = 0;
  for (const c of s) {
    const last = out[out.length - 1];
    const joined = last !== undefined && (extend.test(c) || (last.endsWith("\u200d") && /\p{Extended_Pictographic}/u.test(c)) || (flag(c) && flags % 2 === 1) || (c === "\n" && last === "\r"));
    flags = flag(c) ? flags + 1 : 0;
    if (joined) out[out.length - 1] += c; else out.push(c);
  }
  return out;
}
class Segmenter {
  #o;
  constructor(l, o = {}) { this.#o = { locale: locale(l), granularity: o.granularity || "grapheme" }; }
  segment(input) {
    input = String(input);
    const g = this.#o.granularity;
    const parts = g === "word" ? input.match(/[\p{L}\p{N}\p{M}_]+(?:['.\u2019][\p{L}\p{N}]+)*|\s+|[^]/gu) || [] : g === "sentence" ? input.match(/[^.!?]*[.!?]*\s*/g).filter(Boolean) : graphemes(input);
    const list = [];
    let index = 0;
    for (const segment of parts) { const s = { segment, index, input }; if (g === "word") s.isWordLike = /[\p{L}\p{N}]/u.test(segment); list.push(s); index += segment.length; }
    return { [Symbol.iterator]: () => list[Symbol.iterator](), containing: (i = 0) => list.find((s) => i >= s.index && i < s.index + s.segment.length) };
  }
  resolvedOptions() { return { ...this.#o }; }
  static supportedLocalesOf(l) { return canon(l); }
}
absent("Segmenter", Segmenter);
