/**
 * What the servers answer: as `src/salesforce/oauth.rs` and `version.rs` read it, which Rust users have; in the wasm it
 * would be paid for by every page. `tests/salesforce/answers.json` proves that the two agree.
 */
import { CometdError } from "../errors.js";
import { isObject } from "../options.js";
import { quietly } from "../runtime.js";
import type { LoginAnswer } from "./login.js";

/** No word of a login server is longer; what it says beyond that is cut. */
const LONGEST = 200;

const APPROVE = "pre-authorize the user's profile or permission set in the app, or approve the app once";
const FLOW = "the org or the app does not allow this flow";

/** By error and a part of the description in lower case; the first that fits. */
const HINTS: readonly (readonly [error: string, words: string, hint: string])[] = [
  ["", "approved this consumer", APPROVE],
  ["", "not admin approved", APPROVE],
  ["", "expired access/refresh token", "the refresh token expired or was revoked; log in anew to get another one"],
  ["", "no client credentials user", "set a run-as user in the app's client credentials settings"],
  [
    "",
    "audience",
    "set `audience` to the login host: https://login.salesforce.com, https://test.salesforce.com or the site's URL",
  ],
  ["", "assertion", "check the user name, the app's certificate and the clock: the token is good for three minutes"],
  ["", "ip restricted", "relax the app's IP restrictions, or log in from an allowed address"],
  [
    "invalid_grant",
    "",
    "check user name, password, security token and login host (a sandbox has its own), and the user's IP ranges; " +
      "orgs may block the username-password flow",
  ],
  ["invalid_client_id", "", "check the app's consumer key; a new app takes some minutes to be known"],
  ["invalid_client", "", "check the app's consumer key and secret"],
  ["unsupported_grant_type", "", `${FLOW}; use jwtBearer or clientCredentials`],
  ["invalid_request", "", `${FLOW}, or something is missing in it`],
  ["inactive_user", "", "activate the user"],
  ["inactive_org", "", "the org is locked, closed or suspended"],
  ["invalid_app_access", "", APPROVE],
];

/** Errors that pass. */
const PASSING = [
  "rate_limit_exceeded",
  "login_rate_exceeded",
  "server_error",
  "temporarily_unavailable",
  "unknown_error",
];

/**
 * Reads the answer of a token endpoint.
 *
 * @throws CometdError `"login-refused"`: the server said no, and would say it again; or a redirect, which would carry
 *   the secrets elsewhere (X1). `"login-failed"`: a status that tells of trouble, or a page instead of an answer.
 */
export function readLogin(status: number, body: string): LoginAnswer {
  const answer = parse(body);
  const isAnswer = isObject(answer) && !Array.isArray(answer);
  const text = (name: string): string => {
    const value: unknown = isAnswer ? answer[name as keyof typeof answer] : undefined;
    return typeof value === "string" ? value : "";
  };
  const good = status >= 200 && status < 300;
  const [accessToken, instanceUrl, refreshToken] = [text("access_token"), text("instance_url"), text("refresh_token")];
  if (good && accessToken && instanceUrl) {
    return refreshToken ? { accessToken, instanceUrl, refreshToken } : { accessToken, instanceUrl };
  }
  const [error, description] = [printable(text("error")), printable(text("error_description"))];
  const passing = PASSING.includes(error) || description.toLowerCase().includes("rate exceeded");
  const trouble = status === 408 || status === 429 || status >= 500 || passing;
  const said = error !== "" || (good && isAnswer);
  const refused = isRedirect(status) || (said && !trouble);
  const message = [
    refused ? "the login was refused" : "the login failed",
    error || (isRedirect(status) ? "" : `HTTP ${status}`),
    description,
  ];
  const hint = hintOf(status, error, description);
  throw new CometdError(
    refused ? "login-refused" : "login-failed",
    message.filter(Boolean).join(": ") + (hint && `; ${hint}`),
    { retryable: !refused, status, oauth: { error, description } },
  );
}

/** What to do about it; empty where nobody knows. */
function hintOf(status: number, error: string, description: string): string {
  if (isRedirect(status)) return "it redirects; use the final login URL, which is the org's My Domain";
  if (status >= 200 && status < 300 && error === "") return "the answer holds no token; check the login URL";
  const lower = description.toLowerCase();
  const known = HINTS.find(([of, words]) => (of === "" || of === error) && lower.includes(words));
  return known?.[2] ?? "";
}

/** 0 for a redirect that a browser hides. */
function isRedirect(status: number): boolean {
  return status === 0 || (status >= 300 && status < 400);
}

/** The newest version that `/services/data/` lists, such as `67.0`; `undefined` if there is none. */
export function newestVersion(body: string): string | undefined {
  const list = parse(body);
  let newest = [-1, 0];
  for (const entry of Array.isArray(list) ? (list as unknown[]) : []) {
    const version = isObject(entry) ? (entry as { version?: unknown }).version : undefined;
    // No more digits than any version will have.
    if (typeof version !== "string" || version.length > 8 || !/^\d+\.\d+$/.test(version)) continue;
    const found = version.split(".").map(Number);
    if ((found[0]! - newest[0]! || found[1]! - newest[1]!) > 0) newest = found;
  }
  return newest[0]! < 0 ? undefined : newest.join(".");
}

/** `undefined` for what is not JSON. */
function parse(body: string): unknown {
  return quietly(() => JSON.parse(body));
}

/** A text of the server's that can stand in a line. */
function printable(text: string): string {
  return [...text]
    .slice(0, LONGEST)
    .join("")
    .replace(/\p{Cc}/gu, " ");
}
