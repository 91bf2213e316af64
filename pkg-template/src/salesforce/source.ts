import { unlessAborted } from "../abort.js";
import { CometdError, isCometdError } from "../errors.js";
import { now } from "../runtime.js";
import { askToken, NETWORK_DELAY_MS, type IssuedToken, type TokenRequest, type TokenSource } from "../token.js";
import type { Token } from "../types.js";
import { newestVersion } from "./answer.js";
import { exchange, withLogin, type Exchange } from "./login.js";
import type { CheckedSalesforce } from "./options.js";

/** An instance that gives no versions for so long may have moved; after that it is looked for this often (S10a). */
const SILENT_MS = 40_000;
const AGAIN_MS = 300_000;

/** A token that was not used yet, since the version could not be had. */
interface Unused {
  readonly token: Token & { instanceUrl: string };
  /** It is the answer to whether the instance has moved. */
  readonly anew: boolean;
  /** No need to log in again until then. */
  until: number;
}

/** Where a client of Salesforce gets its tokens, and by them its endpoint. */
export function makeTokenSource(options: CheckedSalesforce): TokenSource {
  const { auth, loginUrl, networkDelayMs = NETWORK_DELAY_MS } = options;
  /** The newest version of each instance, asked for once. */
  const newest = new Map<string, string>();
  let unused: Unused | undefined;
  /** A token has led to an instance. */
  let arrived = false;

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
      const anew = unused !== undefined && (request.moved || now() >= unused.until);
      if (!unused || anew || request.refused) {
        const issued = await logIn({ ...request, moved: request.moved || anew });
        unused = { token: issued, anew, until: now() + (anew ? AGAIN_MS : SILENT_MS) };
      }
      const { token } = unused;
      let apiVersion: string;
      try {
        apiVersion = await versionOf(token.instanceUrl, request);
      } catch (error) {
        if (isCometdError(error) && isRedirect(error.status)) {
          // As with the first handshake, the next answer decides; afterwards, it is a bad moment.
          if (unused.anew && !arrived) throw new CometdError("redirect", error.message, { status: error.status });
          if (!unused.anew) unused.until = now();
        }
        throw error;
      }
      [unused, arrived] = [undefined, true];
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
  if (answer.status !== 200) throw noVersion(`HTTP ${answer.status}`, undefined, answer.status);
  const version = newestVersion(answer.body);
  if (version === undefined) throw noVersion("the answer is not a list of versions");
  return version;
}

/** Browsers hide what it is by 0. */
function isRedirect(status: number | undefined): boolean {
  return status !== undefined && (status === 0 || (status >= 300 && status < 400));
}

function noVersion(why: string, cause?: unknown, status?: number): CometdError {
  const message = `the newest API version cannot be had from /services/data/: ${why}; or set \`apiVersion\``;
  return new CometdError("login-failed", message, { retryable: true, cause, status });
}
