"use strict";
const { Buffer } = globalThis;
module.exports = { Buffer, SlowBuffer: Buffer, kMaxLength: Buffer.kMaxLength, constants: { MAX_LENGTH: Buffer.kMaxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 }, INSPECT_MAX_BYTES: 50, atob, btoa, isUtf8: (b) => { try { new TextDecoder("utf-8", { fatal: true }).decode(b); return true; } catch { return false; } } };
