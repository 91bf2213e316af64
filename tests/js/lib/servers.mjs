// The servers that the suite is run against, as child processes on free ports.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { runToEnd, startChild } from "./children.mjs";
import { onPath, root, sandbox, targetDir } from "./tools.mjs";

const interop = join(root, "tests", "interop");

// Short polls, so that many of them fit into a test; sessions that outlive a slow machine's pauses.
const TIMEOUT_MS = "400";
const MAX_INTERVAL_MS = "4000";

async function nodeServer(script, args) {
  const path = join(interop, script);
  const { announced, stop } = await startChild(process.execPath, [path, ...args], { name: script });
  return { port: announced.port, stop };
}

/** Why the reference server cannot run here, or `undefined` if it can. */
export function missingForJava() {
  if (!onPath("java") || !onPath("mvn")) return "no JDK or no Maven";
  // `java -version` writes to stderr; the launcher property goes to stdout.
  const version = /(\d+)/.exec(execFileSync("java", ["--version"], { encoding: "utf8" }).split("\n")[0])?.[1];
  return Number(version) >= 17 ? undefined : `the JDK is ${version}, not 17 or newer`;
}

/** CometD's own, with extensions: `"ack"`, `"replay"`, or none. */
export async function javaServer({ extensions, timeoutMs = TIMEOUT_MS, maxIntervalMs = MAX_INTERVAL_MS }) {
  const dir = join(interop, "java");
  const jars = join(targetDir, "interop", "jars");
  const pom = readFileSync(join(dir, "pom.xml"), "utf8");
  const stamp = join(jars, "pom.xml");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== pom) {
    mkdirSync(jars, { recursive: true });
    const goal = ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${jars}`];
    await runToEnd("mvn", ["-f", join(dir, "pom.xml"), ...goal]);
    writeFileSync(stamp, pom);
  }
  const launch = ["-cp", join(jars, "*"), join(dir, "ReferenceServer.java")];
  const args = [
    ...launch,
    String(timeoutMs),
    String(maxIntervalMs),
    ...(extensions.length > 0 ? extensions : ["plain"]),
  ];
  const { announced, stop } = await startChild("java", args, { name: "the reference server" });
  return { port: announced.port, stop };
}

async function sandboxServer() {
  const args = ["--json", "--parent-stdin", "--timeout-ms", TIMEOUT_MS, "--max-interval-ms", MAX_INTERVAL_MS];
  const { announced, stop } = await startChild(sandbox(), args, { name: "the sandbox" });
  return { port: Number(new URL(announced.bayeux).port), stop };
}

/**
 * By name: how to start it, and what it can be put through (see `Target` in ../contract/context.mjs).
 * `start` may answer `{ leftOut: why }`.
 */
export const servers = {
  sandbox: {
    features: ["sandbox", "salesforce", "ack", "one-copy", "services", "failing-services"],
    worlds: true,
    start: sandboxServer,
  },
  "cometd-nodejs-server": {
    features: ["ack", "services"],
    worlds: false,
    start: () => nodeServer("cometd-nodejs-server.mjs", ["--timeout", TIMEOUT_MS, "--max-interval", MAX_INTERVAL_MS]),
  },
  faye: { features: ["one-copy"], worlds: false, start: () => nodeServer("faye.mjs", ["--timeout", "2000"]) },
  reference: {
    features: ["ack", "one-copy", "services", "failing-services"],
    worlds: false,
    start: async () => {
      const why = missingForJava();
      return why ? { leftOut: why } : javaServer({ extensions: ["ack"] });
    },
  },
};
