/** The package for places where nothing else fits: call `init()` with the wasm before `connect()`. */
import type { Client } from "./client.js";
import { connectWith } from "./connect.js";
import { load, transport } from "./load/manual.js";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";
export { init, type WasmSource } from "./load/manual.js";

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
