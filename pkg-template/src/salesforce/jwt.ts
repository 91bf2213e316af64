import { invalid, isObject } from "../options.js";
import type { Authenticator } from "../types.js";
import { isSalesforce, isSandbox } from "./hosts.js";
import { importKey, isCryptoKey, parsePem, subtle } from "./key.js";
import { checkStrings, makeFlow } from "./login.js";

/** A `CryptoKey` by its shape: not all types of Node have a global of that name. */
export interface SigningKey {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** Options of {@link jwtBearer}. */
export interface JwtBearerOptions {
  /** The consumer key of the app. */
  clientId: string;
  /** The user to log in as. */
  username: string;
  /**
   * The private RSA key whose certificate the app holds: PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`, also with
   * `\n` for line ends as environment variables have it), or a `CryptoKey` for RSASSA-PKCS1-v1_5 with SHA-256.
   */
  privateKey: string | SigningKey;
  /**
   * Whom the login is meant for. Default: `https://test.salesforce.com` for sandboxes and scratch orgs,
   * `https://login.salesforce.com` for others at Salesforce's hosts, else the `loginUrl`.
   */
  audience?: string | undefined;
}

/** Salesforce takes no more than three minutes, and some for clocks that differ. */
const LIFETIME_SECONDS = 180;

const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * Logs in by a token that is signed here, without a password. Best for services.
 *
 * The user, or their profile or permission set, must be pre-authorized in the app, or have approved it once; else the
 * org answers "user hasn't approved this consumer".
 */
export function jwtBearer(options: JwtBearerOptions): Authenticator {
  checkStrings("jwtBearer", options, ["clientId", "username"]);
  const { clientId, username, privateKey, audience } = options;
  if (audience !== undefined) checkStrings("jwtBearer", options, ["audience"]);
  const der = isObject(privateKey) ? undefined : parsePem(privateKey);
  let key: CryptoKey | undefined;
  if (!der) {
    if (!isCryptoKey(privateKey)) throw invalid("jwtBearer: privateKey must be PEM text or a CryptoKey");
    key = privateKey;
  }
  return makeFlow(GRANT, async ({ loginUrl = "" }, login) => {
    key ??= await importKey(der!);
    const claims = {
      iss: clientId,
      sub: username,
      aud: audience ?? defaultAudience(loginUrl),
      exp: Math.floor(Date.now() / 1000) + LIFETIME_SECONDS,
    };
    const signed = `${encode({ alg: "RS256" })}.${encode(claims)}`;
    const signature = await subtle().sign("RSASSA-PKCS1-v1_5", key, new TextEncoder().encode(signed));
    return login({ assertion: `${signed}.${base64url(new Uint8Array(signature))}` });
  });
}

function defaultAudience(loginUrl: string): string {
  const { hostname } = new URL(loginUrl);
  if (!isSalesforce(hostname)) return loginUrl;
  return isSandbox(hostname) ? "https://test.salesforce.com" : "https://login.salesforce.com";
}

function encode(value: object): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

function base64url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
