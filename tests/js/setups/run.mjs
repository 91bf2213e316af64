// The set-ups in which people use the package, built and run: what bundlers make for a page, Vercel's edge runtime, and
// the environments of test runners. In each an event goes round by the sandbox.
//
//   node tests/js/setups/run.mjs [--package dir]

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { EdgeRuntime } from "edge-runtime";
import esbuild from "esbuild";
import { JSDOM } from "jsdom";
import { chromium as playwright } from "playwright-core";
import { runToEnd } from "../lib/children.mjs";
import { makeProject } from "../lib/project.mjs";
import { startProxy } from "../lib/proxy.mjs";
import { Totals } from "../lib/report.mjs";
import { packageDir } from "../lib/script.mjs";
import { servers } from "../lib/servers.mjs";
import { chromium, root } from "../lib/tools.mjs";
import { bundlers, writePage } from "./bundlers.mjs";

const WASM = "cometd-edge.wasm";

/** All of them. `port`: of the sandbox. */
export async function checkSetups({ project, port }, report) {
  cpSync(join(root, "tests", "js", "setups", "programs"), project.path("setups"), { recursive: true });
  const setups = {
    project,
    url: `http://127.0.0.1:${port}/cometd`,
    program: project.path("setups", "program.mjs"),
    wasm: project.path("node_modules", "cometd-edge", project.manifest.exports[`./${WASM}`]),
  };
  const check = async (name, run) => {
    const started = Date.now();
    const error = await run().then(
      (problem) => problem,
      (thrown) => String(thrown?.stack ?? thrown),
    );
    report({ name, ok: !error, ms: Date.now() - started, error });
  };
  await inPages(setups, port, check);
  await check("Vercel's edge runtime", () => inEdgeRuntime(setups));
  for (const environment of ["jsdom", "happy-dom"]) {
    await check(`Node with the globals of ${environment}`, () => amongGlobals(setups, environment));
  }
  await check("a realm of jsdom with Node's fetch", () => inRealm(setups));
}

async function inPages({ project, program, wasm }, port, check) {
  const proxy = await startProxy(project);
  const browser = await playwright.launch({ executablePath: chromium(), headless: true });
  try {
    for (const [name, bundler] of Object.entries(bundlers)) {
      await check(`a page by ${name}`, async () => {
        const folder = name.replace(/\W/g, "-");
        const out = project.path("setups", folder);
        mkdirSync(out, { recursive: true });
        await bundler.build(program, out);
        writePage(out);
        const page = await browser.newPage();
        try {
          await page.goto(`${proxy.origin}/setups/${folder}/index.html`);
          await page.waitForFunction("globalThis.tryRound");
          const round = () => page.evaluate((url) => globalThis.tryRound(url), `${proxy.origin}/proxy/${port}/cometd`);
          if (bundler.copies) return await round();
          // The same page, before and after.
          const without = await round();
          const there = `wasm-load: the wasm could not be loaded: ${proxy.origin}/setups/${folder}/${WASM}: HTTP 404; copy `;
          if (!without.startsWith(there)) return `without the wasm: ${without}`;
          copyFileSync(wasm, join(out, WASM));
          return await round();
        } finally {
          await page.close();
        }
      });
    }
  } finally {
    await browser.close();
    proxy.stop();
  }
}

/** As Next runs an edge route: a script, compiled wasm by a global, and functions of Node's that only throw. */
async function inEdgeRuntime({ program, wasm, url }) {
  const handOver = {
    name: "wasm",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => {
        const file = join(resolveDir, path.replace(/\?.*/, ""));
        return existsSync(file) ? { path: file, namespace: "wasm" } : undefined;
      });
      onLoad({ filter: /.*/, namespace: "wasm" }, () => ({ contents: "export default globalThis.compiledWasm" }));
    },
  };
  const code = await script(program, { conditions: ["edge-light"], plugins: [handOver] });
  const compiledWasm = await WebAssembly.compile(readFileSync(wasm));
  const unsupported = (name) =>
    function stub() {
      throw new Error(`A Node.js API is used (${name}) which is not supported in the Edge Runtime.`);
    };
  const stubs = ["setImmediate", "clearImmediate", "MessageChannel", "MessagePort", "BroadcastChannel"];
  const runtime = new EdgeRuntime({
    extend: (context) =>
      Object.assign(context, { compiledWasm }, Object.fromEntries(stubs.map((name) => [name, unsupported(name)]))),
  });
  runtime.evaluate(code);
  return runtime.context.tryRound(url);
}

async function amongGlobals({ project, url }, environment) {
  const host = project.path("setups", "globals.mjs");
  const home = pathToFileURL(join(root, "package.json")).href;
  return (await runToEnd(process.execPath, [host, home, environment, url], { cwd: project.dir })).trim();
}

/** As Jest does it: the program and what it takes from Node do not share their `Uint8Array`. */
async function inRealm({ program, url }) {
  const inline = { name: "inline", setup: ({ onResolve }) => void onResolve({ filter: /^cometd-edge$/ }, toInline) };
  const toInline = (args) => ({ path: join(args.resolveDir, "../node_modules/cometd-edge/dist/inline.js") });
  const { window } = new JSDOM("", { url: "http://localhost/", runScripts: "outside-only" });
  const ofNode = {
    fetch,
    Request,
    Response,
    Headers,
    AbortController,
    AbortSignal,
    ReadableStream,
    TextDecoder,
    TextEncoder,
  };
  Object.assign(window, ofNode);
  try {
    window.eval(await script(program, { plugins: [inline] }));
    return await window.tryRound(url);
  } finally {
    window.close();
  }
}

async function script(entry, options) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    write: false,
    ...options,
  });
  return outputFiles[0].text;
}

async function runAlone() {
  const { values } = parseArgs({ options: { package: { type: "string", default: packageDir } } });
  const project = await makeProject(values.package);
  const { port, stop } = await servers.sandbox.start();
  const totals = new Totals();
  try {
    await totals.group("set-ups", (report) => checkSetups({ project, port }, report));
  } finally {
    await stop();
    project.remove();
  }
  totals.conclude();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runAlone();
