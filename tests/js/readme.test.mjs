// Every program of the README does what it is there to show. A program is a block marked exactly ```js or ```ts. It
// names its server https://example.com/cometd, or its org https://example.my.salesforce.com, for which the test puts in a
// world of the sandbox that publishes sample orders on /orders/new and /event/Order__e. It passes if it printed something and failed at nothing; one that would go on for ever is
// ended once it has printed a few lines. Programs in TypeScript must also satisfy the compiler.
//
//   node tests/js/readme.test.mjs

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { transform } from "esbuild";
import { runToEnd } from "./lib/children.mjs";
import { runAsScript } from "./lib/script.mjs";
import { servers } from "./lib/servers.mjs";
import { root } from "./lib/tools.mjs";

const URL_OF_EXAMPLES = "https://example.com/cometd";
const ORG_OF_EXAMPLES = "https://example.my.salesforce.com";
/** What the sandbox lets in; the programs take it from their environment. */
const CREDENTIALS = {
  SF_CLIENT_ID: "sandbox-client",
  SF_CLIENT_SECRET: "sandbox-secret",
  SF_USERNAME: "user@example.com",
  SF_PASSWORD: "sandbox-password",
};
const ENOUGH_LINES = 3;
const LIMIT_MS = 60_000;

/** The programs of a text in Markdown: language, code, and the line that it begins on. */
export function snippets(markdown) {
  const found = [];
  for (const { 1: language, 2: code, index } of markdown.matchAll(/^```(js|ts)\n(.*?)^```$/gms)) {
    found.push({ language, code, line: markdown.slice(0, index).split("\n").length + 1 });
  }
  return found;
}

/** Runs a program until it ends or has printed enough. Rejects with its output if it failed or was silent. */
function run(file, cwd) {
  const host = join(root, "tests", "js", "lib", "snippet-host.mjs");
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...CREDENTIALS };
    const child = spawn(process.execPath, [host, file], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const lines = [];
    let errors = "";
    let stopped;
    const stop = (why) => {
      stopped ??= why;
      child.kill(why === "enough" ? "SIGTERM" : "SIGKILL");
    };
    const timer = setTimeout(() => stop("late"), LIMIT_MS);
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (lines.length === ENOUGH_LINES) stop("enough");
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      // Ended by us after it had printed enough, whatever it made of the signal.
      const fine = lines.length > 0 && (code === 0 || stopped === "enough");
      if (fine && !errors) resolve();
      else reject(new Error([`ended with ${code ?? signal}; it printed:`, ...lines, errors].join("\n")));
    });
  });
}

async function compile({ dir, path }, name) {
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: "esnext",
      module: "nodenext",
      lib: ["esnext", "dom"],
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
    },
    files: [`readme/${name}`],
  };
  const file = path(`tsconfig.${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  await runToEnd(process.execPath, [tsc, "--project", file], { cwd: dir });
}

async function tryOut(project, port, { language, code, line }) {
  const name = `line${line}.${language}`;
  const world = `http://127.0.0.1:${port}/w/readme${line}`;
  const settings = { method: "POST", body: JSON.stringify({ ordersPerSecond: 20, ordersEvent: "/event/Order__e" }) };
  await fetch(`${world}/sandbox/config`, settings);
  mkdirSync(project.path("readme"), { recursive: true });
  const source = code.replaceAll(URL_OF_EXAMPLES, `${world}/cometd`).replaceAll(ORG_OF_EXAMPLES, world);
  writeFileSync(project.path("readme", name), source);
  if (language === "ts") await compile(project, name);
  // Node 20 knows neither types nor `await using`.
  const { code: lowered } = await transform(source, { loader: language, format: "esm", target: "node20" });
  const file = project.path("readme", `line${line}.${language}.mjs`);
  writeFileSync(file, lowered);
  await run(file, project.dir);
}

/** Reports one result for each program. */
export async function checkReadme({ project, port }, report) {
  const server = port ? { port, stop() {} } : await servers.sandbox.start();
  try {
    for (const snippet of snippets(readFileSync(join(root, "README.md"), "utf8"))) {
      const started = Date.now();
      const error = await tryOut(project, server.port, snippet).then(
        () => undefined,
        (reason) => String(reason.message),
      );
      const name = `the ${snippet.language} program at line ${snippet.line} of the README runs`;
      report({ name, ok: !error, ms: Date.now() - started, error });
    }
  } finally {
    await server.stop();
  }
}

await runAsScript(import.meta.url, checkReadme);
