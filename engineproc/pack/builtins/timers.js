"use strict";
module.exports = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises: { setTimeout: (ms, v) => new Promise((r) => setTimeout(r, ms, v)), setImmediate: (v) => new Promise((r) => setImmediate(r, v)) } };
