// The tests of the wrapper alone (../unit), which drive it with an engine of their own.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runWithLines } from "./children.mjs";
import { root } from "./tools.mjs";

const LIMIT_MS = 240_000;

/** Reports one result for each test. */
export async function checkUnits({ project }, report) {
  const dir = join(root, "tests", "js", "unit");
  const files = readdirSync(dir).filter((name) => name.endsWith(".test.mjs"));
  const dist = pathToFileURL(project.path("node_modules", "cometd-edge", "dist", "/")).href;
  let [failed, failures] = [undefined, 0];
  const flush = () => {
    if (failed) report({ ...failed, error: failed.error.join("\n") });
    failed = undefined;
  };
  const onLine = (line) => {
    const [, not, name] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (name === undefined) {
      // What is indented below a failure belongs to it.
      if (failed && /^\s/.test(line)) failed.error.push(line.trim());
      return;
    }
    flush();
    if (not) {
      failures += 1;
      failed = { name, ok: false, ms: 0, error: [] };
    } else report({ name, ok: true, ms: 0 });
  };
  const code = await runWithLines(
    process.execPath,
    ["--test", "--test-reporter=tap", ...files.map((name) => join(dir, name))],
    { onLine, timeoutMs: LIMIT_MS, env: { ...process.env, COMETD_EDGE_DIST: dist } },
  );
  flush();
  if (code !== 0 && failures === 0)
    report({ name: "the runner ends well", ok: false, ms: 0, error: `it ended with ${code}` });
}
