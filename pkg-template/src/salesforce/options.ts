import { invalid, isLoopback, isObject, want } from "../options.js";
import { quietly } from "../runtime.js";
import { checkAuth } from "../token.js";
import type { Authenticator, ConnectOptions, Snapshot } from "../types.js";
import { isAllowed, isSalesforce, isSharedLogin } from "./hosts.js";
import { flowOf } from "./login.js";

/** Options of `connectSalesforce()`: those of `connect()`, but for the url, which follows from the login. */
export interface SalesforceOptions extends Omit<ConnectOptions, "url" | "auth"> {
  /** How to log in: one of `jwtBearer`, `clientCredentials`, `refreshToken`, `password`, `accessToken`, or your own. */
  auth: Authenticator;
  /** Where to log in: `https://login.salesforce.com` (default), or the org's My Domain. */
  loginUrl?: string | URL | undefined;
  /** `true` logs in at `https://test.salesforce.com`. Default: `false`. */
  sandbox?: boolean | undefined;
  /**
   * Such as `"67.0"`, at least `"37.0"`, or `"latest"`, the newest that the org has. Default: that of the snapshot in
   * `resume`, else `"latest"`.
   */
  apiVersion?: string | undefined;
  /**
   * Hosts beside Salesforce's own that may be logged in at and be given the token, such as `"sf-proxy.example.com"`, or
   * `"*.example.com"` for all below. Default: none.
   */
  allowedHosts?: readonly string[] | undefined;
}

/** Options that make sense. */
export interface CheckedSalesforce {
  readonly auth: Authenticator;
  /** Without a slash at its end. */
  readonly loginUrl: string;
  /** `undefined`: the newest. */
  readonly apiVersion: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly networkDelayMs: number | undefined;
}

const PRODUCTION = "https://login.salesforce.com";
const SANDBOX = "https://test.salesforce.com";

/** The oldest version that is still served. */
const OLDEST = 37;

/** @throws CometdError `"invalid-argument"` that names the option; it never repeats a value, which may be a secret. */
export function checkSalesforce(options: SalesforceOptions): CheckedSalesforce {
  want("connectSalesforce", isObject(options), "an object with at least `auth`");
  if ("url" in options && options.url !== undefined) {
    throw invalid("url: give `loginUrl` to connectSalesforce(); the endpoint follows from the login");
  }
  checkAuth(options.auth);
  const allowedHosts = checkHosts(options.allowedHosts);
  const loginUrl = checkLogin(options, allowedHosts);
  if (flowOf(options.auth) === "client_credentials" && isSharedLogin(new URL(loginUrl).hostname)) {
    const example = "https://example.my.salesforce.com";
    throw invalid(`loginUrl: client credentials work only at the org's own My Domain, such as ${example}`);
  }
  const apiVersion = checkVersion(options.apiVersion ?? versionOf(options.resume));
  return { auth: options.auth, loginUrl, apiVersion, allowedHosts, networkDelayMs: options.networkDelayMs };
}

function checkLogin({ loginUrl, sandbox }: SalesforceOptions, allowedHosts: readonly string[]): string {
  want("sandbox", sandbox === undefined || typeof sandbox === "boolean", "a boolean");
  if (loginUrl === undefined) return sandbox ? SANDBOX : PRODUCTION;
  if (sandbox) throw invalid("loginUrl: leave it out with `sandbox: true`, or give the sandbox's My Domain without it");
  const url = quietly(() => new URL(loginUrl));
  want("loginUrl", url, `an absolute URL, such as ${PRODUCTION}`);
  const { hostname, protocol } = url;
  want("loginUrl", protocol === "https:" || (protocol === "http:" && isLoopback(hostname)), "https://");
  want("loginUrl", !url.username && !url.password, "no user or password");
  if (url.search || url.hash || url.pathname.includes("/services/")) {
    throw invalid("loginUrl: give the address without what comes after the host or the site");
  }
  const host = hostname.replace(/\.$/, "");
  if (!isSalesforce(host) && !isLoopback(host) && !isAllowed(host, allowedHosts)) {
    throw invalid("loginUrl: not a host of Salesforce; if you trust it, name it in `allowedHosts`");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function checkHosts(hosts: readonly string[] | undefined): readonly string[] {
  if (hosts === undefined) return [];
  want("allowedHosts", Array.isArray(hosts), "an array");
  return hosts.map((host: unknown, i) => {
    if (typeof host === "string" && /^((\*\.)?[\w-]+(\.[\w-]+)*|\[[\da-f:.]+\])$/i.test(host))
      return host.toLowerCase();
    throw invalid(`allowedHosts[${i}]: give a host without scheme and port, or *. and a domain`);
  });
}

/** The version that the client before spoke. */
function versionOf(snapshot: Snapshot | undefined): string | undefined {
  return isObject(snapshot) ? (snapshot as { apiVersion?: string }).apiVersion : undefined;
}

function checkVersion(version: string | undefined): string | undefined {
  if (version === undefined || version === "latest") return undefined;
  if (typeof version === "string" && /^[1-9]\d{1,3}\.0$/.test(version) && Number(version) >= OLDEST) return version;
  throw invalid(`apiVersion: must be "latest", or a string such as "67.0", at least "${OLDEST}.0"`);
}
