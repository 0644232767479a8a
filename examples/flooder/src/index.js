// fnctl invoke flooder log; fnctl logs flooder
import { set } from "fnode:kv";

export function log() {
  for (let i = 0; ; i++) console.log("line", i, "x".repeat(200));
}

export async function kv() {
  for (let i = 0; ; i++) await Promise.all(Array.from({ length: 100 }, (_, k) => set("k" + k, i)));
}

export function ok() {
  return "ok";
}
