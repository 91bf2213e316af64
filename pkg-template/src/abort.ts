import { after, noop } from "./runtime.js";

/**
 * Starts something, and waits for it unless one of the signals comes first, or `ms` have passed: then it rejects with
 * the signal's reason, or with what `late` gives. What was started goes on unseen; its own signal tells it so.
 */
export async function unlessAborted<R>(
  signals: readonly (AbortSignal | null | undefined)[],
  start: (signal: AbortSignal) => Promise<R>,
  ms?: number,
  late?: () => unknown,
): Promise<R> {
  const controller = new AbortController();
  const { signal } = controller;
  const given = signals.filter((one) => one !== undefined && one !== null);
  const forward = () => {
    for (const one of given) if (one.aborted) controller.abort(one.reason);
  };
  forward();
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  for (const one of given) one.addEventListener("abort", forward);
  const stop = ms === undefined ? noop : after(ms, () => controller.abort(late?.()));
  try {
    return await Promise.race([aborted, start(signal)]);
  } finally {
    stop();
    for (const one of given) one.removeEventListener("abort", forward);
    // It may have been noticed by what was started, and not be told by it as it is.
    signal.throwIfAborted();
  }
}
