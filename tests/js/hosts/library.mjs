// The package as a case sees it.

import { connect, CometdError } from "cometd-edge";
import * as salesforce from "cometd-edge/salesforce";
import * as stores from "cometd-edge/stores";

/**
 * @param {Record<string, (name: string) => object>} hostStores stores of this host by what they are called; equal names
 *   mean the same place
 */
export const library = (hostStores = {}) => ({ connect, CometdError, salesforce, stores, hostStores });
