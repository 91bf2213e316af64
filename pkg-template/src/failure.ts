/** What a request that failed leaves behind: words for people, and the host's own error; neither holds a secret (X2). */
import { isObject } from "./options.js";
import { cookieHeaderAllowed, pageOrigin, quietly } from "./runtime.js";

/** A request that was sent. */
export interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** Why it failed. */
export interface Failed {
  /** A clause, without a period. */
  readonly reason: string;
  /** For `error.cause`. */
  readonly cause: unknown;
}

/** Words that some hosts have for every failure. */
const SAYS_NOTHING =
  /^(fetch failed|failed to fetch|load failed|terminated|network error|networkerror when attempting to fetch resource)$/i;

/** Deno names the address, which is in our own words already. */
const NAMES_THE_URL = /^error sending request (from \S+ )?for (url \(\S+\)|\S+( \([^)]*\))?): /;

const UNKNOWN = "no reason given";

/** What is shorter stands in any text. */
const SHORTEST_SECRET = 6;

/** How far causes of causes are followed. */
const MOST_CAUSES = 4;

/** `unanswered`: not even a head had come. Without `sent` nothing is known of the request. */
export function failureOf(error: unknown, sent: Sent | undefined, unanswered: boolean): Failed {
  // What is thrown may be anything, with getters that throw.
  return quietly(() => read(error, sent, unanswered)) ?? { reason: UNKNOWN, cause: undefined };
}

function read(error: unknown, sent: Sent | undefined, unanswered: boolean): Failed {
  const secrets = sent ? secretsOf(sent) : [];
  const inPage = unanswered && !cookieHeaderAllowed();
  const words = wordsOf(error) || (inPage ? "the page is not told why" : UNKNOWN);
  const hint = sent && inPage ? corsHint(error, sent) : "";
  return { reason: cleaned(words, secrets) + hint, cause: causeOf(error, secrets) };
}

/** The words of an error and of its causes, none of them twice. */
export function wordsOf(error: unknown, depth = MOST_CAUSES): string {
  if (typeof error === "string") return error;
  if (!isObject(error) || depth === 0) return "";
  const { message, code, cause, errors } = error as Record<string, unknown>;
  let words = typeof message === "string" ? message.replace(NAMES_THE_URL, "").replace(/\.\s*$/, "") : "";
  if (SAYS_NOTHING.test(words)) words = "";
  // Where several addresses were tried there is a failure for each, and maybe no message.
  if (!words && Array.isArray(errors)) words = errors.map((one) => wordsOf(one, depth - 1)).join(", ");
  if (typeof code === "string" && !words.includes(code)) words = words ? `${words} (${code})` : code;
  const inner = wordsOf(cause, depth - 1);
  if (words.includes(inner)) return words;
  return inner.includes(words) ? inner : `${words}: ${inner}`;
}

/** A page is not told that CORS keeps it from an answer, so it is worth a look where another origin was asked. */
function corsHint(error: unknown, { url, init: { headers, credentials } }: Sent): string {
  const page = pageOrigin();
  const refused = isObject(error) && (error as Error).name === "TypeError";
  if (!page || !refused || page === new URL(url).origin) return "";
  const wanted = [`Access-Control-Allow-Origin: ${page}`];
  if (credentials === "include") wanted.push("Access-Control-Allow-Credentials: true");
  const names = [...new Headers(headers).keys()].join(", ");
  if (names) wanted.push(`Access-Control-Allow-Headers: ${names}`);
  return `; CORS may be the reason: to POST and to OPTIONS the server must answer with ${wanted.join("; ")}`;
}

/** What of a request must not be told: its query, tokens, cookies, other headers, the client id, the fields of a login. */
function secretsOf({ url, init: { headers, body } }: Sent): string[] {
  const secrets = [new URL(url).search];
  for (const [name, value] of new Headers(headers)) {
    if (name === "authorization") secrets.push(...value.split(" ").slice(-1));
    else if (name === "cookie") secrets.push(...value.split(";").map((pair) => pair.slice(pair.indexOf("=") + 1)));
    else if (name !== "content-type" && name !== "accept") secrets.push(value);
  }
  if (typeof body === "string") {
    const clientId = /"clientId":"([^"]+)"/.exec(body);
    if (clientId) secrets.push(clientId[1]!);
    if (body.startsWith("grant_type=")) secrets.push(...[...new URLSearchParams(body).values()].slice(1));
  }
  return secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
}

function cleaned(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, secret.startsWith("?") ? "" : "[secret]"), text);
}

/**
 * The error itself, where it is words and numbers through and through and tells no secret, as those of hosts are. Of any
 * other one, which a `fetch` of the caller's own may throw, what may be shown.
 */
function causeOf(error: unknown, secrets: readonly string[], depth = MOST_CAUSES): unknown {
  if (typeof error === "string") return cleaned(error, secrets);
  if (!isObject(error) || isHarmless(error, secrets, depth)) return error;
  const { name, message, code, cause } = error as Record<string, unknown>;
  const copy: Error & { code?: unknown } = new Error(cleaned(String(message ?? "no words"), secrets));
  if (typeof name === "string") copy.name = name;
  if (typeof code === "string" || typeof code === "number") copy.code = code;
  if (cause !== undefined && depth > 0) copy.cause = causeOf(cause, secrets, depth - 1);
  return copy;
}

function isHarmless(value: unknown, secrets: readonly string[], depth: number): boolean {
  if (typeof value === "string") return cleaned(value, secrets) === value;
  if (!isObject(value)) return typeof value !== "function";
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((one) => isHarmless(one, secrets, depth - 1));
  if (!(value instanceof Error)) return false;
  const { name, message, stack } = value;
  const own = Reflect.ownKeys(value).map((key) => (value as never as Record<PropertyKey, unknown>)[key]);
  return [name, message, stack, ...own].every((one) => isHarmless(one, secrets, depth - 1));
}
