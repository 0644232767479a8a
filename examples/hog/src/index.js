// fnctl invoke hog heap; fnctl invoke hog hidden; fnctl invoke hog cgroup
import { get, set } from "fnode:kv";

// Grows the JavaScript heap up to its limit: an out-of-memory error, after which the instance is retired.
export function heap() {
  const all = [];
  for (;;) all.push("x".repeat(1000) + all.length);
}

// The same, and hides the error: it gets its answer, and the instance is retired all the same.
export function hidden() {
  try {
    return heap();
  } catch {
    return "as if nothing had happened";
  }
}

// Stays below the JavaScript limit and makes the process around it grow: until the code gives way, the host's
// answers wait outside the heap. The kernel kills the process at the memory limit of its cgroup.
export async function cgroup() {
  await set("k", "y".repeat(250_000));
  await Promise.all(Array.from({ length: 1000 }, () => get("k")));
}

export function ok() {
  return "ok";
}
