// fnctl invoke spinner spin; fnctl invoke spinner ok

// An endless loop: the engine is interrupted at the deadline and answers the next call.
export function spin() {
  for (;;);
}

// An endless loop of slow native calls: the interrupt is polled too rarely to stop it, so the process is
// killed 100 ms after the deadline, and the extension answers again after its backoff.
export function native() {
  for (;;) "x".repeat(100000).split("").sort();
}

export function ok() {
  return "ok";
}
