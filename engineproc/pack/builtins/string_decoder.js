"use strict";
class StringDecoder {
  constructor(enc = "utf8") { this.encoding = String(enc).toLowerCase().replace("utf-8", "utf8"); this._d = this.encoding === "utf8" ? new TextDecoder("utf-8", { ignoreBOM: true }) : this.encoding === "utf16le" ? new TextDecoder("utf-16le", { ignoreBOM: true }) : null; }
  write(b) { return typeof b === "string" ? b : this._d ? this._d.decode(b, { stream: true }) : Buffer.from(b).toString(this.encoding); }
  end(b) { const s = b ? this.write(b) : ""; return s + (this._d ? this._d.decode() : ""); }
}
module.exports = { StringDecoder };
