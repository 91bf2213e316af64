// Puts the packed package through its contract on every runtime, against every server; then tries the README's
// programs, the wrapper alone, the types, the replay stores, the set-ups of users, and clients that run for a moment only.
//
//   node tests/js/run.mjs [--runtime r]… [--target t]… [--grep text] [--package dir]
//
// With --runtime, --target or --grep only the contract is run. Needs `cargo xtask build` to have run, and the sandbox
// to be built. The last line is "N passed, M failed", and above it each failed case is named once more; it exits with 1 if
// any failed.

import { parseArgs } from "node:util";
import { startLines } from "./lib/lines.mjs";
import { makeProject } from "./lib/project.mjs";
import { Totals } from "./lib/report.mjs";
import { runtimes } from "./lib/runtimes/index.mjs";
import { packageDir } from "./lib/script.mjs";
import { servers } from "./lib/servers.mjs";
import { checkUnits } from "./lib/unit.mjs";
import { checkReadme } from "./readme.test.mjs";
import { checkSetups } from "./setups/run.mjs";
import { checkShortRuns } from "./short-runs/run.mjs";
import { checkStores } from "./stores/run.mjs";
import { checkTypes } from "./types.test.mjs";

const { values } = parseArgs({
  options: {
    runtime: { type: "string", multiple: true },
    target: { type: "string", multiple: true },
    grep: { type: "string" },
    package: { type: "string", default: packageDir },
  },
});
const runtimeNames = values.runtime ?? Object.keys(runtimes);
const serverNames = values.target ?? Object.keys(servers);
for (const name of runtimeNames) if (!runtimes[name]) throw new Error(`no such runtime: ${name}`);
for (const name of serverNames) if (!servers[name]) throw new Error(`no such target: ${name}`);
const whole = !values.runtime && !values.target && !values.grep;

const stops = [];
const totals = new Totals();

/** Starts one of the things that must be stopped in the end. */
async function start(starting, stop = (started) => started.stop()) {
  const started = await starting;
  stops.unshift(() => stop(started));
  return started;
}

/** Starts a server; one that cannot run here is left out, and says why. */
async function startServer(name) {
  const { start: begin, ...rest } = servers[name];
  const { port, leftOut } = await start(begin(), ({ stop }) => stop?.());
  if (leftOut) console.log(`left out: ${name} (${leftOut})`);
  return { name, port, leftOut, ...rest };
}

/** Like `Promise.all`, but it waits for all of them also when one fails, so that whatever was started can be stopped. */
async function all(promises) {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  return settled.map(({ value }) => value);
}

function combination(runtime, { name, port, features, worlds }, lines) {
  const target = {
    name,
    port,
    worlds,
    features: [...features, ...runtime.features],
    proxy: runtime.proxy,
    base: `${runtime.proxy}${port}`,
    lines: `${runtime.proxy}${lines.port}`,
  };
  // Apart from earlier runs on the same server.
  const run = `${Date.now().toString(36)}${runtime.name[0]}`;
  return () =>
    totals.group(`${runtime.name} × ${name}`, (report) => runtime.run({ target, run, grep: values.grep }, report));
}

/** Two at a time: one mostly waits for a server while the other works. */
async function runTwoAtATime(jobs) {
  const lane = async () => {
    for (let next = jobs.shift(); next; next = jobs.shift()) await next();
  };
  await Promise.all([lane(), lane()]);
}

try {
  const [project, lines, ...begun] = await all([
    start(makeProject(values.package), ({ remove }) => remove()),
    start(startLines()),
    ...serverNames.map(startServer),
  ]);
  const targets = begun.filter(({ leftOut }) => !leftOut);
  const running = await all(runtimeNames.map(async (name) => start(runtimes[name](project))));
  const jobs = targets.flatMap((target) => running.map((runtime) => combination(runtime, target, lines)));
  if (whole) {
    const { port } = targets.find(({ worlds }) => worlds);
    jobs.push(
      () => totals.group("README", (report) => checkReadme({ project, port }, report)),
      () => totals.group("wrapper", (report) => checkUnits({ project }, report)),
      () => totals.group("types", (report) => checkTypes({ project }, report)),
      () => checkStores({ project }, totals),
      () => totals.group("set-ups", (report) => checkSetups({ project, port }, report)),
      () => totals.group("short runs", (report) => checkShortRuns({ project, port }, report)),
    );
  }
  await runTwoAtATime(jobs);
} finally {
  for (const stop of stops) await stop();
}
totals.conclude();
