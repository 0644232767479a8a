// Node's assert.
"use strict";
const util = require("util");
class AssertionError extends Error {
  constructor(o) {
    super(o.message !== undefined ? o.message : util.inspect(o.actual) + " " + o.operator + " " + util.inspect(o.expected));
    this.name = "AssertionError"; this.code = "ERR_ASSERTION"; this.generatedMessage = o.message === undefined;
    this.actual = o.actual; this.expected = o.expected; this.operator = o.operator;
  }
}
function fail(actual, expected, message, operator) { if (message instanceof Error) throw message; throw new AssertionError({ message, actual, expected, operator }); }
function assert(v, m) { if (!v) fail(v, true, m === undefined ? "The expression evaluated to a falsy value" : m, "=="); }
const test = (ok, op) => (a, b, m) => { if (!ok(a, b)) fail(a, b, m, op); };
function thrown(f) { try { f(); } catch (e) { return { e }; } }
function fits(e, want) {
  if (want === undefined || typeof want === "string") return true;
  if (want instanceof RegExp) return want.test(String(e));
  if (typeof want === "function") return (want.prototype !== undefined && e instanceof want) || (!Error.isPrototypeOf(want) && want.call({}, e) === true);
  return Object.keys(want).every((k) => (want[k] instanceof RegExp && typeof e[k] === "string" ? want[k].test(e[k]) : util.isDeepStrictEqual(e[k], want[k])));
}
Object.assign(assert, {
  AssertionError, ok: assert, fail: (m) => fail(undefined, undefined, m === undefined ? "Failed" : m, "fail"),
  equal: test((a, b) => a == b || (a !== a && b !== b), "=="), notEqual: test((a, b) => a != b, "!="), // eslint-disable-line eqeqeq
  strictEqual: test(Object.is, "strictEqual"), notStrictEqual: test((a, b) => !Object.is(a, b), "notStrictEqual"),
  deepEqual: test(util.isDeepEqual, "deepEqual"), notDeepEqual: test((a, b) => !util.isDeepEqual(a, b), "notDeepEqual"),
  deepStrictEqual: test(util.isDeepStrictEqual, "deepStrictEqual"), notDeepStrictEqual: test((a, b) => !util.isDeepStrictEqual(a, b), "notDeepStrictEqual"),
  match: test((s, r) => r.test(s), "match"), doesNotMatch: test((s, r) => !r.test(s), "doesNotMatch"),
  throws(f, want, m) { const t = thrown(f); if (!t) fail(undefined, want, typeof want === "string" ? want : m || "Missing expected exception.", "throws"); if (!fits(t.e, want)) throw t.e; },
  doesNotThrow(f) { f(); }, ifError(e) { if (e !== null && e !== undefined) throw e; },
  async rejects(p, want) { let t; try { await (typeof p === "function" ? p() : p); } catch (e) { t = { e }; } if (!t) fail(undefined, want, "Missing expected rejection.", "rejects"); if (!fits(t.e, want)) throw t.e; },
});
assert.strict = assert;
module.exports = assert;
