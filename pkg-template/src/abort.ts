/**
 * Starts something, and waits for it unless one of the signals comes first: then it rejects with its reason. What was
 * started goes on unseen.
 */
export async function unlessAborted<R>(
  signals: readonly (AbortSignal | null | undefined)[],
  start: () => Promise<R>,
): Promise<R> {
  const given = signals.filter((signal) => signal !== undefined && signal !== null);
  const check = () => {
    for (const signal of given) if (signal.aborted) throw signal.reason;
  };
  check();
  let listener: () => void;
  const aborted = new Promise<never>((_, reject) => {
    listener = () => reject(given.find((signal) => signal.aborted)?.reason);
  });
  for (const signal of given) signal.addEventListener("abort", listener!);
  try {
    const result = await Promise.race([aborted, start()]);
    check();
    return result;
  } finally {
    for (const signal of given) signal.removeEventListener("abort", listener!);
  }
}
