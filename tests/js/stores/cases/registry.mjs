// Cases of one host: the contract that the package exports, and what is peculiar to a store. Run as those of the client
// are (../../contract/registry.mjs).

import { runAll } from "../../contract/registry.mjs";

/** Names cases after the store that they are about. */
export function about(store, cases) {
  return cases.map(({ name, run, alone = false }) => ({ name: `${store}: ${name}`, run, alone }));
}

/** Runs them, and reports each: `{ name, ok, ms, error }`. */
export function runCases(cases, { grep, width = 4, report }) {
  const list = cases.filter(({ name }) => !grep || name.includes(grep)).map((one) => ({ timeoutMs: 40_000, ...one }));
  return runAll(list, { width, makeContext: () => ({ cleanUp: async () => {} }), report });
}
