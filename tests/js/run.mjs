// Puts the packed package through its contract on every runtime, against every server.
//
//   node tests/js/run.mjs [--runtime r]… [--target t]… [--grep text] [--package dir]
//
// Needs `cargo xtask build` to have run. The last line is "N passed, M failed"; it exits with 1 if any failed.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { startLines } from "./lib/lines.mjs";
import { makeProject } from "./lib/project.mjs";
import { runtimes } from "./lib/runtimes/index.mjs";
import { servers } from "./lib/servers.mjs";
import { root } from "./lib/tools.mjs";

const { values } = parseArgs({
  options: {
    runtime: { type: "string", multiple: true, default: Object.keys(runtimes) },
    target: { type: "string", multiple: true, default: Object.keys(servers) },
    grep: { type: "string" },
    package: { type: "string", default: process.env.PACKAGE_DIR ?? join(root, "pkg") },
  },
});
for (const name of values.runtime) if (!runtimes[name]) throw new Error(`no such runtime: ${name}`);
for (const name of values.target) if (!servers[name]) throw new Error(`no such target: ${name}`);

const stops = [];
const totals = { passed: 0, failed: 0 };

async function runCombination(runtime, { name, port, features, worlds }, lines) {
  const target = {
    name,
    port,
    worlds,
    features: [...features, ...runtime.features],
    proxy: runtime.proxy,
    base: `${runtime.proxy}${port}`,
    lines: `${runtime.proxy}${lines.port}`,
  };
  const counts = { passed: 0, failed: 0 };
  const output = [];
  const report = ({ name: fact, ok, ms, error }) => {
    counts[ok ? "passed" : "failed"] += 1;
    output.push(`  ${ok ? "ok" : "not ok"} - ${fact} (${ms} ms)`);
    if (!ok) output.push(...error.split("\n").map((line) => `      ${line}`));
  };
  const started = Date.now();
  const run = `${Date.now().toString(36)}${runtime.name[0]}`;
  await runtime.run({ target, run, grep: values.grep }, report).catch((error) => {
    report({ name: "the runtime runs the suite", ok: false, ms: 0, error: String(error?.stack ?? error) });
  });
  const seconds = ((Date.now() - started) / 1_000).toFixed(1);
  console.log(output.join("\n"));
  console.log(`${runtime.name} × ${name}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`);
  totals.passed += counts.passed;
  totals.failed += counts.failed;
}

/** Starts the chosen servers side by side; one that cannot run here is left out, and says why. */
async function startServers() {
  const started = values.target.map(async (name) => {
    const { start, ...rest } = servers[name];
    const { stop, port, leftOut } = await start();
    if (leftOut) console.log(`left out: ${name} (${leftOut})`);
    if (stop) stops.push(stop);
    return { name, port, leftOut, ...rest };
  });
  return (await Promise.all(started)).filter(({ leftOut }) => !leftOut);
}

try {
  const [project, lines, targets] = await Promise.all([makeProject(values.package), startLines(), startServers()]);
  stops.push(
    () => project.remove(),
    () => lines.stop(),
  );
  const running = await Promise.all(values.runtime.map((name) => runtimes[name](project)));
  stops.unshift(...running.map((runtime) => () => runtime.stop()));
  // Two at a time: one mostly waits for a server while the other works.
  const queue = targets.flatMap((target) => running.map((runtime) => [runtime, target]));
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await runCombination(...next, lines);
  };
  await Promise.all([lane(), lane()]);
} finally {
  for (const stop of stops) await stop();
}
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
