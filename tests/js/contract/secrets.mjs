// What no error, status or log line may show (X2): what the sandbox's logins need, and what it gives out.

import { fail } from "./assert.mjs";

/** The sandbox's own, see tests/sandbox/src/salesforce/settings.rs. */
export const CREDENTIALS = {
  clientId: "sandbox-client",
  clientSecret: "sandbox-secret",
  username: "user@example.com",
  password: "sandbox-password",
  securityToken: "TOKEN",
  refreshToken: "sandbox-refresh",
};

const { clientId, clientSecret, password, refreshToken } = CREDENTIALS;

/** By what they are. */
export const SECRETS = {
  "the consumer key": clientId,
  "the consumer secret": clientSecret,
  "the password": password,
  "the refresh token": refreshToken,
  "a refresh token": /5Aep861\.[0-9a-f]{32}/,
  "an access token": /00D5g[0-9]{8,}!AQ[0-9a-f]{16}/,
  "a client id": /\b[0-9a-f]{32}\b/,
  "the cookie of a session": /![0-9a-f]{16}\/\+[0-9a-f]{16}==/,
  "a cookie": /!Zm9y\/\+Y2U=|c2FuZ\/\+Ee2Jv!eA==/,
  "a signed assertion": /eyJ[\w-]{10,}\.eyJ/,
  "a private key": /PRIVATE KEY|MII[A-Za-z0-9+/]{30}/,
};

/** Which secret a text holds, if any. */
export function secretIn(text) {
  const holds = (secret) => (typeof secret === "string" ? text.includes(secret) : secret.test(text));
  return Object.keys(SECRETS).find((name) => holds(SECRETS[name]));
}

/** All that a value tells, whichever way it is printed. */
export function told(value) {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    return [name, message, stack, cause && told(cause), JSON.stringify(value, expanded)].join("\n");
  }
  return typeof value === "string" ? value : (JSON.stringify(value, expanded) ?? String(value));
}

function expanded(key, value) {
  return key !== "" && value instanceof Error ? told(value) : value;
}

/** Collects what a case is told. */
export class Told {
  #texts = new Set();

  add(value) {
    this.#texts.add(told(value));
    return value;
  }

  /** Fails if one of it holds a secret. */
  check() {
    for (const text of this.#texts) {
      const name = secretIn(text);
      if (name) fail(`${name} is in: ${text}`);
    }
  }
}
