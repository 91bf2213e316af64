import { unlessAborted } from "../abort.js";
import { CometdError, isCometdError } from "../errors.js";
import { askToken, NETWORK_DELAY_MS, type IssuedToken, type TokenRequest, type TokenSource } from "../token.js";
import type { Token } from "../types.js";
import { newestVersion } from "./answer.js";
import { exchange, withLogin, type Exchange } from "./login.js";
import type { CheckedSalesforce } from "./options.js";

/** Where a client of Salesforce gets its tokens, and by them its endpoint. */
export function makeTokenSource(options: CheckedSalesforce): TokenSource {
  const { auth, loginUrl, networkDelayMs = NETWORK_DELAY_MS } = options;
  /** The newest version of each instance, asked for once. */
  const newest = new Map<string, string>();
  /** A token that was not used yet, since the version could not be had: no need to log in again for it. */
  let unused: (Token & { instanceUrl: string }) | undefined;

  async function logIn(request: TokenRequest): Promise<Token & { instanceUrl: string }> {
    const token = await askToken(auth, request, networkDelayMs, (context) => withLogin({ ...context, loginUrl }));
    const { instanceUrl } = token;
    if (instanceUrl === undefined) throw new CometdError("login-failed", "auth: token() must give `instanceUrl`, too");
    request.checkInstance(instanceUrl);
    return { ...token, instanceUrl };
  }

  async function versionOf(instanceUrl: string, { fetch, signal: wanted }: TokenRequest): Promise<string> {
    const known = options.apiVersion ?? newest.get(instanceUrl);
    if (known !== undefined) return known;
    const version = await unlessAborted(
      [wanted],
      (signal) => askVersion(instanceUrl, { fetch, signal }),
      networkDelayMs,
      () => noVersion(`no answer within ${networkDelayMs} ms`),
    );
    newest.set(instanceUrl, version);
    return version;
  }

  return {
    salesforce: true,
    allowedHosts: options.allowedHosts,
    async get(request): Promise<IssuedToken> {
      const token = (!request.refused && unused) || (await logIn(request));
      unused = token;
      const apiVersion = await versionOf(token.instanceUrl, request);
      unused = undefined;
      return { ...token, url: `${token.instanceUrl}/cometd/${apiVersion}`, apiVersion };
    },
  };
}

/** Asks for the versions of the instance. No token is sent. */
async function askVersion(instanceUrl: string, by: Exchange): Promise<string> {
  let answer: { status: number; body: string };
  try {
    answer = await exchange(`${instanceUrl}/services/data/`, by, {
      method: "GET",
      headers: { accept: "application/json" },
    });
  } catch (error) {
    throw isCometdError(error) ? noVersion(error.message, error.cause) : error;
  }
  if (answer.status !== 200) throw noVersion(`HTTP ${answer.status}`);
  const version = newestVersion(answer.body);
  if (version === undefined) throw noVersion("the answer is not a list of versions");
  return version;
}

function noVersion(why: string, cause?: unknown): CometdError {
  const message = `the newest API version cannot be had from /services/data/: ${why}; or set \`apiVersion\``;
  return new CometdError("login-failed", message, { retryable: true, cause });
}
