import type { Client } from "../client.js";
import { connectWith } from "../connect.js";
import type { Loader } from "../instance.js";
import { checkSalesforce, type SalesforceOptions } from "./options.js";
import { makeTokenSource } from "./source.js";

/** `connectSalesforce()` of an entry of the package, which brings its loader. */
export async function connectSalesforceWith(loader: Loader, options: SalesforceOptions): Promise<Client> {
  const checked = checkSalesforce(options);
  // Nothing is sent to this url: the first token brings the endpoint. Its origin is one that may be given tokens.
  const url = `${checked.loginUrl}/cometd`;
  return connectWith(loader, { ...options, url, replay: options.replay ?? {} }, makeTokenSource(checked));
}
