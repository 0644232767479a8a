// fnctl invoke markdown render '{"text":"# hi"}'
import { marked } from "marked";

export function render({ text }) {
  if (typeof text !== "string") throw new TypeError("text must be a string");
  return { html: marked.parse(text) };
}
