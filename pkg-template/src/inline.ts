/** The package with the wasm inside the JavaScript, for bundlers and servers that lose track of files. */
import type { Client } from "./client.js";
import { connectWith } from "./connect.js";
import { load, transport } from "./load/bytes.js";
import { connectSalesforceWith } from "./salesforce/connect.js";
import type { SalesforceOptions } from "./salesforce/options.js";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";
export * from "./salesforce/public.js";

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

/**
 * Logs in and connects to the Streaming API of a Salesforce org.
 *
 * @returns a promise that resolves after the first successful handshake
 * @throws CometdError as `connect()` does, and `"login-refused"` when the login is refused, `"instance-refused"` when it
 *   leads to a host that may not be given the token
 */
export function connectSalesforce(options: SalesforceOptions): Promise<Client> {
  return connectSalesforceWith({ load, transport }, options);
}
