// Proves each replay store on its real host, with the contract that the package exports.
//
//   node tests/js/stores/run.mjs [--host node|deno|bun|workerd|chromium]… [--grep text] [--package dir]

import { cpSync, readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { chromium as playwright } from "playwright-core";
import { runToEnd, runWithLines } from "../lib/children.mjs";
import { makeProject } from "../lib/project.mjs";
import { startProxy } from "../lib/proxy.mjs";
import { Totals } from "../lib/report.mjs";
import { packageDir } from "../lib/script.mjs";
import { bun, chromium, deno, root } from "../lib/tools.mjs";

const LIMIT_MS = 120_000;

const hosts = {
  node: (task, report) => inProcess(task, report, [process.execPath]),
  bun: (task, report) => inProcess(task, report, [bun(), "run"]),
  async deno({ project, ...task }, report) {
    const dir = project.path("deno-kv");
    mkdirSync(dir);
    const flags = ["--quiet", "--no-prompt", "--node-modules-dir=manual", "--unstable-kv"];
    await denoTypes(project, flags, report);
    const command = [deno(), "run", ...flags, `--allow-read=${dir}`, `--allow-write=${dir}`];
    await inProcess({ project, kvPath: join(dir, "kv.sqlite"), ...task }, report, command);
  },
  workerd: inWorkerd,
  chromium: inChromium,
};

/** All hosts, a group of results for each. */
export async function checkStores({ project, names = Object.keys(hosts), grep }, totals) {
  cpSync(join(root, "tests", "js", "stores"), project.path("suite", "stores"), { recursive: true });
  for (const name of names) {
    await totals.group(`stores in ${name}`, (report) => hosts[name]({ project, host: name, grep }, report));
  }
}

function denoEnvironment(project) {
  return { ...process.env, DENO_DIR: project.path(".deno"), DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" };
}

/** A real `Deno.Kv` and a real `Storage` are what the stores ask for. */
async function denoTypes(project, flags, report) {
  const started = Date.now();
  const checking = runToEnd(
    deno(),
    ["check", ...flags.filter((flag) => flag !== "--no-prompt"), "suite/stores/types/deno.ts"],
    {
      cwd: project.dir,
      env: denoEnvironment(project),
    },
  );
  const error = await checking.then(
    () => undefined,
    ({ message }) => message,
  );
  report({ name: "the types compile under those of Deno", ok: !error, ms: Date.now() - started, error });
}

async function inProcess({ project, ...task }, report, [command, ...args]) {
  let done = false;
  const onLine = (line) => {
    const result = JSON.parse(line);
    if (result.done) done = true;
    else report(result);
  };
  const script = project.path("suite", "stores", "hosts", "process.mjs");
  const options = { cwd: project.dir, env: denoEnvironment(project), onLine, timeoutMs: LIMIT_MS };
  const code = await runWithLines(command, [...args, script, JSON.stringify(task)], options);
  const error = done ? `it ended with ${code}` : `it ended with ${code} before the cases did`;
  report({ name: "the process ends by itself", ok: done && code === 0, ms: 0, error });
}

async function startWorkerd(project) {
  const { outputFiles } = await build({
    entryPoints: [project.path("suite", "stores", "hosts", "worker.mjs")],
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker"],
    target: "esnext",
    write: false,
  });
  return new Miniflare({
    modules: true,
    script: outputFiles[0].text,
    compatibilityDate: "2026-04-20",
    kvNamespaces: ["POSITIONS"],
    kvPersist: project.path("kv"),
    durableObjects: {
      SQLITE: { className: "SqliteKeeper", useSQLite: true },
      PLAIN: { className: "PlainKeeper" },
    },
    durableObjectsPersist: project.path("objects"),
  });
}

async function inWorkerd({ project, grep }, report) {
  const paths = ["/kv", "/sqlite", "/plain"];
  const position = { replayId: "123456789012345678901234567890", createdDate: "2026-11-21" };
  const withWorker = async (work) => {
    const worker = await startWorkerd(project);
    const ask = async (path, body) => {
      const response = await worker.dispatchFetch(`http://worker${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    };
    try {
      await work(ask);
    } finally {
      await worker.dispose();
    }
  };
  await withWorker(async (ask) => {
    for (const path of paths) {
      (await ask(path, { grep })).forEach(report);
      await ask(path, { save: position });
    }
  });
  if (grep) return;
  await withWorker(async (ask) => {
    for (const path of paths) {
      const found = JSON.stringify(await ask(path, { load: true }));
      const error = `found ${found}`;
      report({
        name: `${path}: a position outlives the runtime`,
        ok: found === JSON.stringify(position),
        ms: 0,
        error,
      });
    }
  });
}

async function inChromium({ project, grep }, report) {
  const flags = JSON.parse(readFileSync(join(root, "webdriver.json"), "utf8"))["goog:chromeOptions"].args;
  const proxy = await startProxy(project);
  const browser = await playwright.launch({ executablePath: chromium(), headless: true, args: flags });
  const { origin } = proxy;
  const stray = [];
  /** Runs cases in a page that has its storage for itself. */
  const inPage = async (method, prepare = () => {}) => {
    const page = await (await browser.newContext()).newPage();
    page.on("pageerror", (error) => stray.push(String(error.stack ?? error)));
    const protocol = await page.context().newCDPSession(page);
    await page.exposeFunction("report", report);
    await page.exposeFunction("clearStorage", () =>
      protocol.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb" }),
    );
    await page.goto(`${origin}/suite/stores/hosts/page.html`);
    await page.waitForFunction("globalThis.suite");
    await prepare(protocol);
    await page.evaluate(([name, text]) => globalThis.suite[name](text), [method, grep]);
    await page.context().close();
  };
  try {
    await inPage("run");
    await inPage("runWithoutRoom", (protocol) =>
      protocol.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100_000 }),
    );
    const error = stray.join("\n");
    report({ name: "nothing stray reaches the page", ok: stray.length === 0, ms: 0, error });
  } finally {
    await browser.close();
    proxy.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      host: { type: "string", multiple: true },
      grep: { type: "string" },
      package: { type: "string", default: packageDir },
    },
  });
  const names = values.host ?? Object.keys(hosts);
  for (const name of names) if (!hosts[name]) throw new Error(`no such host: ${name}`);
  const project = await makeProject(values.package);
  const totals = new Totals();
  try {
    await checkStores({ project, names, grep: values.grep }, totals);
  } finally {
    project.remove();
  }
  totals.conclude();
}
