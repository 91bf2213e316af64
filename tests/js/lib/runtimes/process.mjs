// Node, Deno and Bun: one process for each server.

import { mkdirSync } from "node:fs";
import { bun, deno } from "../tools.mjs";
import { runWithLines } from "../children.mjs";

// Deno is given the network, a database and nothing else, and asks for nothing: a need for more would fail the run. A
// request that it denies would hold the process, for it forgets to let go of a body that is a Blob.
const COMMANDS = {
  node: () => [process.execPath],
  deno: (kvDir) => [
    ...[deno(), "run", "--quiet", "--no-prompt", "--node-modules-dir=manual", "--allow-net=127.0.0.1,nowhere.invalid"],
    ...["--unstable-kv", `--allow-read=${kvDir}`, `--allow-write=${kvDir}`],
  ],
  bun: () => [bun(), "run"],
};

const FEATURES = { deno: ["denoKvStore", "webStorageStore(localStorage)"] };

/** What the process may take for the whole suite before it counts as hung. */
const LIMIT_MS = 300_000;

export function processRuntime(name, project) {
  const kvDir = project.path("contract-kv");
  mkdirSync(kvDir, { recursive: true });
  const [command, ...args] = COMMANDS[name](kvDir);
  const env = { ...process.env, DENO_DIR: project.path(".deno"), DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" };
  return {
    name,
    features: ["own-cookies", ...(FEATURES[name] ?? [])],
    proxy: "http://127.0.0.1:",
    async run(task, report) {
      let done = false;
      const onLine = (line) => {
        const result = JSON.parse(line);
        if (result.done) done = true;
        else report(result);
      };
      const config = JSON.stringify({ runtime: name, width: 6, kvDir, ...task });
      const script = project.path("suite", "hosts", "process.mjs");
      const options = { cwd: project.dir, env, onLine, timeoutMs: LIMIT_MS };
      const code = await runWithLines(command, [...args, script, config], options);
      const error = done ? `it ended with ${code}` : `it ended with ${code} before the suite did`;
      report({ name: "the process ends by itself", ok: done && code === 0, ms: 0, error });
    },
    stop() {},
  };
}
