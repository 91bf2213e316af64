/** The package. How its wasm is loaded depends on the runtime, by the `imports` map of package.json. */
import type { Client } from "./client.js";
import { connectWith } from "./connect.js";
import { load, transport } from "#load";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";

/**
 * Connects to a Bayeux server.
 *
 * @returns a promise that resolves after the first successful handshake
 * @throws CometdError `"invalid-argument"`; `"handshake-refused"`, `"no-transport"`, `"http-status"`, `"not-bayeux"` when
 *   the server will not have it; `"connect-timeout"`, `"max-retries"` when it could not be reached; `"wasm-load"`.
 *   And `signal.reason`.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return connectWith({ load, transport }, options);
}
