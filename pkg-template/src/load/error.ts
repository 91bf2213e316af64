import { CometdError, describe } from "../errors.js";

/** Hosts that refuse to compile, by the words of their engines, and what helps there, however the wasm came. */
const REFUSALS: readonly [RegExp, string][] = [
  [
    /Content.Security.Policy|\bCSP\b|unsafe-eval/i,
    "the Content-Security-Policy must allow script-src 'wasm-unsafe-eval'",
  ],
  [
    /disallowed by embedder/,
    'this host runs only wasm that was in the bundle: import "cometd-edge", bundled with the condition of the host, ' +
      '"workerd" or "edge-light"',
  ],
];

/**
 * The error of a load that failed.
 *
 * @param help - what to do about it, for the host and the entry in question and no other
 * @param place - where the wasm was looked for
 */
export function loadError(cause: unknown, help = "", place = ""): CometdError {
  const text = describe(cause);
  const known = REFUSALS.find(([words]) => words.test(text))?.[1] ?? help;
  const message = `the wasm could not be loaded: ${place && `${place}: `}${text}${known && `; ${known}`}`;
  return new CometdError("wasm-load", message, { retryable: true, cause });
}
