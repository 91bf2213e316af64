import { after } from "../runtime.js";

/** No answer in time. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/** Waits for something, but not for ever. What comes later is ignored. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = after(ms, () => reject(new LateError(`no answer in ${ms} ms`)));
    promise.then(resolve, reject).finally(stop);
  });
}
