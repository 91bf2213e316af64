// The smallest test registry that runs the same in five runtimes: no runner, no globals, no `node:` imports.

/** @typedef {{ name: string, needs: string[], alone: boolean, timeoutMs: number, run: (t: object) => Promise<void> }} Case */

/** @type {Case[]} */
export const cases = [];

/**
 * Registers a case. `needs` names the features a server must have for it (see `Target` in context.mjs); `alone` runs it
 * after all others, since it disturbs them.
 *
 * @param {string} name states a fact
 * @param {((t: object) => Promise<void>) | { needs?: string[], alone?: boolean, timeoutMs?: number }} options
 * @param {(t: object) => Promise<void>} [run]
 */
export function test(name, options, run) {
  if (typeof options === "function") return test(name, {}, options);
  if (cases.some((known) => known.name === name)) throw new Error(`two cases are called "${name}"`);
  const { needs = [], alone = false, timeoutMs = 40_000 } = options;
  cases.push({ name, needs, alone, timeoutMs, run });
}

/** The cases that the server can be put through, those that must run alone last. */
export function applicable(features, grep) {
  return cases
    .filter(({ needs, name }) => needs.every((need) => features.includes(need)) && (!grep || name.includes(grep)))
    .sort((a, b) => Number(a.alone) - Number(b.alone));
}

/**
 * Runs one case and cleans up behind it.
 *
 * @param {Case} one
 * @param {(name: string) => { cleanUp(): Promise<void> }} makeContext
 * @returns {Promise<{ name: string, ok: boolean, ms: number, error?: string }>}
 */
export async function runCase(one, makeContext) {
  const started = Date.now();
  const t = makeContext(one.name);
  let error;
  for (const [step, limitMs] of [
    [() => one.run(t), one.timeoutMs],
    [() => t.cleanUp(), CLEAN_UP_MS],
  ]) {
    try {
      await within(limitMs, step());
    } catch (thrown) {
      error ??= thrown;
    }
  }
  return { name: one.name, ok: error === undefined, ms: Date.now() - started, error: error && describe(error) };
}

/** Closing a client takes two seconds at most, whatever the network does. */
const CLEAN_UP_MS = 20_000;

async function within(limitMs, work) {
  let timer;
  const expired = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hung for ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs cases side by side, and then those that need to be alone. Calls `report` for each as it ends. */
export async function runAll(list, { width, makeContext, report }) {
  const queue = list.filter(({ alone }) => !alone);
  const lane = async () => {
    for (let one = queue.shift(); one; one = queue.shift()) report(await runCase(one, makeContext));
  };
  await Promise.all(Array.from({ length: width }, lane));
  for (const one of list.filter(({ alone }) => alone)) report(await runCase(one, makeContext));
}

/** An error with all that helps to find it: code, message, the frames of the case itself, and causes. */
export function describe(error) {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const code = error.code === undefined ? "" : ` [${error.code}]`;
  // Engines differ in what comes before the frames, but a frame has a line and a column.
  const frames = (error.stack ?? "")
    .split("\n")
    .filter(
      (line) => /:\d+:\d+/.test(line) && !/registry\.mjs|assert\.mjs/.test(line) && !line.includes(error.message),
    );
  const cause = error.cause === undefined ? "" : `\ncaused by ${describe(error.cause)}`;
  return [`${error.name}${code}: ${error.message}`, ...frames.slice(0, 6)].join("\n") + cause;
}
