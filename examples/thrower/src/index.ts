// fnctl invoke thrower boom
// The error names this file and line. It is an answer, not a crash: the engine goes on.

class PaymentError extends Error {
  override name = "PaymentError";
}

function charge(cents: number): number {
  if (cents > 100) {
    throw new PaymentError(`cannot charge ${cents} cents`);
  }
  return cents;
}

export function boom(): number {
  const total = [40, 60, 250].map((c) => charge(c));
  return total.length;
}

export async function reject(): Promise<never> {
  await Promise.resolve();
  throw new PaymentError("rejected a little later");
}

export function ok(): string {
  return "ok";
}
