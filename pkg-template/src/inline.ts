/** The package with the wasm inside the JavaScript, for bundlers and servers that lose track of files. */
import type { Client } from "./client.js";
import { connectWith } from "./connect.js";
import { load, transport } from "./load/bytes.js";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";

/**
 * Connects to a Bayeux server.
 *
 * @returns a promise that resolves after the first successful handshake
 * @throws CometdError `"invalid-argument"`; `"handshake-refused"`, `"no-transport"`, `"http-status"`, `"not-bayeux"` when
 *   the server will not have it; `"max-retries"` when it could not be reached; `"wasm-load"`. And `signal.reason`.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return connectWith({ load, transport }, options);
}
