// Assertions that read the same in five runtimes; messages show what was found.

class AssertionError extends Error {
  name = "AssertionError";
}

export function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error) return `${value.name} ${value.code ?? ""} ${JSON.stringify(value.message)}`;
  if (typeof value !== "object" || value === null) return String(value);
  const text = JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
}

export function fail(message) {
  throw new AssertionError(message);
}

export function ok(value, message) {
  if (!value) fail(message);
}

export function equal(actual, expected, what = "value") {
  if (!Object.is(actual, expected)) fail(`${what}: expected ${show(expected)}, found ${show(actual)}`);
}

/** Compares by JSON, with the keys in order; enough for what travels in messages. */
export function same(actual, expected, what = "value") {
  const sorted = (_, value) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  const [a, b] = [JSON.stringify(actual, sorted), JSON.stringify(expected, sorted)];
  if (a !== b) fail(`${what}: expected ${show(expected)}, found ${show(actual)}`);
}

/** The numbers 1 to `count`, once each and in order: what nothing lost, doubled or overtaken looks like. */
export function counted(numbers, count, what = "events") {
  const wrong = numbers.findIndex((n, i) => n !== i + 1);
  if (wrong >= 0)
    fail(`${what}: at position ${wrong + 1} came ${show(numbers.slice(Math.max(0, wrong - 3), wrong + 4))}`);
  equal(numbers.length, count, `number of ${what}`);
}

/** The reason a promise rejects with. */
export async function rejection(promise, what = "the promise") {
  let value;
  try {
    value = await promise;
  } catch (reason) {
    return reason;
  }
  return fail(`${what} resolved with ${show(value)}`);
}

/** Same, where it must be the package's own error with one of these codes. */
export async function refuses(promise, CometdError, codes, what = "the promise") {
  const reason = await rejection(promise, what);
  typed(reason, CometdError, codes, what);
  return reason;
}

/** The same failure, in whichever copy of the error. */
export function alike(actual, expected, what = "error") {
  equal(actual?.name, expected.name, `name of the ${what}`);
  equal(actual.code, expected.code, `code of the ${what}`);
  equal(actual.message, expected.message, `message of the ${what}`);
}

export function typed(error, CometdError, codes, what = "error") {
  if (!(error instanceof CometdError)) fail(`${what}: not a CometdError but ${show(error)}`);
  if (codes && ![codes].flat().includes(error.code)) {
    fail(`${what}: expected code ${[codes].flat().join(" or ")}, found ${error.code} (${error.message})`);
  }
}
