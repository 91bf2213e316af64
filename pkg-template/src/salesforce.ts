/** The dialect of Salesforce: log in, find the endpoint, follow events from where one stopped. */
import type { Client } from "./client.js";
import { load, transport } from "#load";
import { connectSalesforceWith } from "./salesforce/connect.js";
import type { SalesforceOptions } from "./salesforce/options.js";

export * from "./salesforce/public.js";
export type { Authenticator, Token, TokenContext } from "./types.js";

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
