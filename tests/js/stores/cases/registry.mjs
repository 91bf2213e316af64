// Cases of one host: the contract that the package exports, and what is peculiar to a store. Run as those of the client
// are (../../contract/registry.mjs).

import { same } from "../../contract/assert.mjs";
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

/** Channels of all lengths around the limit of a host's keys, which is in bytes. */
export function aroundLimit(limit, make) {
  return {
    name: "keys up to the limit of the host are taken, and no longer ones are made",
    async run() {
      const store = make();
      for (let bytes = limit - 30; bytes <= limit + 2; bytes += 1) {
        const channel = `/${"x".repeat(bytes - 1)}`;
        await store.save(channel, { replayId: String(bytes) });
        same(await store.load(channel), { replayId: String(bytes) }, `position of a channel of ${bytes} bytes`);
      }
    },
  };
}
