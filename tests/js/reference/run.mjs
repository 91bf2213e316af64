// CometD's Java server with and without its acknowledgement extension, and with replay, behind lines that break: nothing may
// be lost or come out of order. The last line is what came of it; it exits with 1 if anything failed.
//
//   node tests/js/reference/run.mjs [--minutes 20] [--seed N] [--package dir]

import { parseArgs } from "node:util";
import { makeProject } from "../lib/project.mjs";
import { packageDir } from "../lib/script.mjs";
import { missingForJava } from "../lib/servers.mjs";
import { Trial } from "./trial.mjs";

/** Of one round, some ten seconds. */
const EVENTS = 800;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    package: { type: "string", default: packageDir },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error("usage: run.mjs [--minutes N] [--seed N] [--package dir]");
  process.exit(2);
}
const why = missingForJava();
if (why) {
  console.error(`it needs a JDK 17 and Maven: ${why}`);
  process.exit(1);
}
const project = await makeProject(values.package);
const trial = new Trial(project, seed);
try {
  console.log(`seed ${seed}`);
  await trial.run(EVENTS, (rounds, ms) => ms < minutes * 60_000);
} finally {
  project.remove();
  for (const failure of trial.failures) console.log(`FAILED ${failure}`);
  console.log(`reference: ${trial.failures.length === 0 ? "nothing is lost" : "FAILED"}: ${trial.summary}`);
}
if (trial.failures.length > 0) process.exitCode = 1;
