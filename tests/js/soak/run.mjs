// A soak: clients under faults for as long as is asked for, on Node and on workerd, against a sandbox whose times run
// 50 times as fast. In the end they must hold no more than after the first minute, and nothing may be lost.
//
//   node tests/js/soak/run.mjs [--minutes 20] [--host node|workerd] [--package dir]

import { cpSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startChild } from "../lib/children.mjs";
import { makeProject } from "../lib/project.mjs";
import { packageDir } from "../lib/script.mjs";
import { root, sandbox } from "../lib/tools.mjs";
import { CREDENTIALS } from "../short-runs/org.mjs";
import { LARGEST_MESSAGE } from "./faults.mjs";
import { startNode } from "./node.mjs";
import { CHANNELS, Org } from "./org.mjs";
import { Soak } from "./soak.mjs";
import { heading, judge, line } from "./verdict.mjs";
import { startWorkerd } from "./workerd.mjs";

const SPEED = 50;
const HOSTS = { node: startNode, workerd: startWorkerd };

/** For that server, and a machine that is as slow as ever. */
const OPTIONS = {
  networkDelayMs: 1_500,
  retry: { initialDelayMs: 20, maxDelayMs: 600, handshakesPerMinute: 600, sessionWindowMs: 3_000 },
  limits: { messageBytes: LARGEST_MESSAGE },
};

/** A short soak looks more often. */
const turnMs = (minutes) => (minutes > 1 ? 60_000 : 15_000);

async function soakOn(name, project, minutes) {
  const args = ["--json", "--parent-stdin", "--salesforce", "--speed", String(SPEED)];
  const { announced, stop } = await startChild(sandbox(), args, { name: "the sandbox" });
  let host;
  try {
    const org = new Org(announced);
    const config = { login: org.login, credentials: CREDENTIALS, channels: CHANNELS, options: OPTIONS };
    host = await HOSTS[name](project, config);
    const soak = new Soak(host, org, (look) => console.log(`${name.padEnd(7)}  ${line(look)}`));
    await soak.run(Math.round((minutes * 60_000) / turnMs(minutes)), turnMs(minutes));
    return [...judge(soak.looks), ...soak.troubles];
  } finally {
    await host?.stop();
    await stop();
  }
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    host: { type: "string", multiple: true, default: Object.keys(HOSTS) },
    package: { type: "string", default: packageDir },
  },
});
const minutes = Number(values.minutes);
if (!(minutes >= 1) || !values.host.every((name) => name in HOSTS)) {
  console.error("usage: run.mjs [--minutes N, at least 1] [--host node|workerd]… [--package dir]");
  process.exit(2);
}
const project = await makeProject(values.package);
try {
  cpSync(join(root, "tests", "js", "soak", "hosts"), project.path("suite", "soak"), { recursive: true });
  console.log(`${"host".padEnd(7)}  ${heading()}`);
  const runs = values.host.map(async (name) => {
    const wrong = await soakOn(name, project, minutes).catch((error) => [`it did not end: ${error?.stack ?? error}`]);
    console.log(wrong.length === 0 ? `${name}: nothing is lost, and nothing is left behind` : `${name}: FAILED`);
    for (const what of wrong) console.log(`  ${what}`);
    if (wrong.length > 0) process.exitCode = 1;
  });
  await Promise.all(runs);
} finally {
  project.remove();
}
