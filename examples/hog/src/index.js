// fnctl invoke hog heap; fnctl invoke hog cgroup

// Grows the JavaScript heap up to its limit: an out-of-memory error, after which the instance is retired.
export function heap() {
  const all = [];
  for (;;) all.push("x".repeat(1000) + all.length);
}

// Stays below the JavaScript limit and makes the process around it grow: every line of output is copied on
// its way out. The kernel kills the process at the memory limit of its cgroup.
export function cgroup() {
  const block = new Uint8Array(28 * 1024 * 1024).fill(1);
  const big = "y".repeat(900 * 1024);
  for (let i = 0; ; i++) {
    structuredClone({ i });
    new Function("return " + JSON.stringify(big))();
    if (block[i % block.length] === 0) return;
  }
}

export function ok() {
  return "ok";
}
