// Clients that run for a moment only, each on the platform that it is for: a Worker by its cron trigger, a Durable Object
// by its alarm, a page that is hidden and shown. Faults on; nothing may be lost, and no session be left behind.
//
//   node tests/js/short-runs/run.mjs [--package dir]

import { cpSync, readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Miniflare } from "miniflare";
import { chromium as playwright } from "playwright-core";
import { deferred } from "../contract/tools.mjs";
import { makeProject } from "../lib/project.mjs";
import { startProxy } from "../lib/proxy.mjs";
import { Totals } from "../lib/report.mjs";
import { bundle } from "../lib/runtimes/bundle.mjs";
import { packageDir } from "../lib/script.mjs";
import { servers } from "../lib/servers.mjs";
import { chromium, root } from "../lib/tools.mjs";
import { CREDENTIALS, FAULTS, nothingLost, Org, until } from "./org.mjs";

const PER_RUN = 5;

/** All of them. `port`: of the sandbox. */
export async function checkShortRuns({ project, port }, report) {
  cpSync(join(root, "tests", "js", "short-runs", "hosts"), project.path("suite", "short-runs"), { recursive: true });
  const cases = [
    ["a Worker drains on its cron trigger", () => inWorker(project, new Org(port, "cron"), byCron)],
    ["a Durable Object follows by its alarm and is evicted", () => inWorker(project, new Org(port, "alarm"), byAlarm)],
    ["a page is hidden, frozen, shown again and left", () => inPage(project, port)],
  ];
  for (const [name, run] of cases) {
    const started = Date.now();
    const error = await run().then(
      () => undefined,
      (thrown) => String(thrown?.stack ?? thrown),
    );
    report({ name, ok: error === undefined, ms: Date.now() - started, error });
  }
}

async function inWorker(project, org, run) {
  const worker = new Miniflare({
    modules: await bundle(project, project.path("suite", "short-runs", "worker.mjs")),
    modulesRoot: project.dir,
    compatibilityDate: "2026-04-20",
    kvNamespaces: ["POSITIONS", "SEEN"],
    durableObjects: { FOLLOWER: { className: "Follower", useSQLite: true } },
    bindings: { LOGIN: org.login, CREDENTIALS },
  });
  const ask = async (path) => (await worker.dispatchFetch(`http://worker${path}`)).json();
  try {
    await run({ worker, org, ask });
  } finally {
    await worker.dispose();
  }
}

async function byCron({ worker, org, ask }) {
  const { scheduled } = await worker.getWorker().then((fetcher) => ({ scheduled: () => fetcher.scheduled({}) }));
  for (const fault of [...FAULTS, undefined]) {
    await org.publish(PER_RUN);
    const before = org.numbers;
    if (fault) await org.order("faults", [fault]);
    // As many come while it drains. Those that come too late for that are left to the next run; there are none in the last.
    const [{ outcome }] = await Promise.all([scheduled(), fault && org.publish(PER_RUN)]);
    if (outcome !== "ok") throw new Error(`with ${JSON.stringify(fault)} it ended with ${outcome}`);
    const { sessions } = await org.stats();
    if (sessions !== 0) throw new Error(`with ${JSON.stringify(fault)} it left ${sessions} sessions behind`);
    nothingLost(before, (await ask("/cron")).seen);
  }
}

async function byAlarm({ org, ask }) {
  // What is killed in the middle says good-bye to nobody.
  await org.order("config", { maxIntervalMs: 2_000 });
  /** Without a word to it; the next request or alarm finds a new one. */
  const evict = async () => {
    const before = await ask("/");
    await ask("/evict").catch(() => {});
    const after = await ask("/");
    if (after.life === before.life) throw new Error("it was not evicted");
  };
  const alarms = (count) =>
    until(
      () => ask("/"),
      (found) => found.alarms >= count,
      `${count} alarms`,
    );
  await ask("/start");
  for (const fault of FAULTS) {
    await org.publish(PER_RUN);
    await org.order("faults", [fault]);
    await alarms(1);
    await until(
      () => ask("/"),
      ({ seen }) => org.numbers.every((n) => seen.includes(n)),
      "all that was published",
    );
    await evict();
  }
  // In the middle of a drain.
  const { seen } = await ask("/");
  await org.publish(1);
  await until(
    () => ask("/"),
    (found) => found.seen.length > seen.length,
    "one more",
  );
  await evict();
  await org.publish(PER_RUN);
  await alarms(1);
  await alarms(2);
  nothingLost(org.numbers, (await ask("/stop")).seen);
  await until(
    () => org.stats(),
    ({ sessions }) => sessions === 0,
    "no session left behind",
  );
}

async function inPage(project, port) {
  const flags = JSON.parse(readFileSync(join(root, "webdriver.json"), "utf8"))["goog:chromeOptions"].args;
  const [proxy, runner] = await Promise.all([startProxy(project), startRunner()]);
  const browser = await playwright.launch({
    executablePath: chromium(),
    headless: true,
    args: flags,
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
  try {
    const page = await (await browser.newContext()).newPage();
    const protocol = await page.context().newCDPSession(page);
    await followsPage({ page, protocol, runner, origin: proxy.origin, org: new Org(port, "page", "/proxy/") });
  } finally {
    await browser.close();
    proxy.stop();
    runner.stop();
  }
}

async function followsPage({ page, protocol, runner, origin, org }) {
  // Parked polls are held, so that hiding the page has one to release.
  await org.order("config", { timeoutMs: 5_000 });
  const query = new URLSearchParams({
    login: org.login,
    runner: `/proxy/${runner.port}/`,
    credentials: JSON.stringify(CREDENTIALS),
  });
  await page.goto(`${origin}/suite/short-runs/page.html?${query}`);
  const allSeen = () =>
    until(
      async () => runner.numbers,
      (seen) => org.numbers.every((n) => seen.includes(n)),
      "all that was published",
    );
  await org.publish(PER_RUN);
  await allSeen();

  // A browser itself repeats a request whose answer never began; what the first one took along nobody can know.
  for (const fault of FAULTS.filter(({ kind }) => kind !== "cut-before-head")) {
    await org.order("faults", [fault]);
    const { aways, shows } = runner.counts();
    await org.publish(1, { go: "away" });
    await until(
      async () => runner.counts().aways,
      (count) => count > aways,
      "the other page",
    );
    // The poll is released while the page is hidden.
    await until(
      () => org.stats(),
      ({ openRequests }) => openRequests === 0,
      "no request of a hidden page",
    );
    await org.publish(PER_RUN);
    await runner.back();
    await until(
      async () => runner.counts().shows,
      (count) => count > shows,
      "the page again",
    );
    await allSeen();
    await until(
      () => org.stats(),
      ({ sessions }) => sessions === 1,
      "no session left behind",
    );
  }

  await protocol.send("Page.setWebLifecycleState", { state: "frozen" });
  await org.order("forget", {});
  await org.publish(PER_RUN);
  await protocol.send("Page.setWebLifecycleState", { state: "active" });
  await allSeen();

  // Not always: a browser has reasons of its own to let a page go.
  if (runner.counts().restored < 2) throw new Error("the page was never restored");
  const { gaps } = runner;
  if (gaps.length > 0) throw new Error(`gaps: ${gaps}`);
  await org.publish(1, { go: "for good" });
  await until(
    () => org.stats(),
    ({ sessions }) => sessions === 0,
    "no session of a page that is left",
  );
}

/** Where the page says what it sees, and is told when to come back. */
async function startRunner() {
  const told = [];
  /** The other page asks, and the runner answers, in either order. */
  let asked = deferred();
  const server = http.createServer(async (request, response) => {
    if (request.method === "GET") {
      asked.resolve(response);
      return;
    }
    let body = "";
    for await (const chunk of request) body += chunk;
    told.push(JSON.parse(body));
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    get numbers() {
      return told.flatMap(({ n }) => n ?? []);
    },
    get gaps() {
      return told.flatMap(({ gap }) => gap ?? []);
    },
    /** How often the page was left for another one; shown again, or anew; and shown again as it was. */
    counts() {
      const shows = told.flatMap(({ transitions }) => transitions?.at(-1) ?? []);
      const restored = shows.filter(({ persisted }) => persisted);
      return { aways: told.filter(({ away }) => away).length, shows: shows.length, restored: restored.length };
    },
    async back() {
      const response = await asked.promise;
      asked = deferred();
      response.end("go");
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { package: { type: "string", default: packageDir } } });
  const project = await makeProject(values.package);
  const { port, stop } = await servers.sandbox.start();
  const totals = new Totals();
  try {
    await totals.group("short runs", (report) => checkShortRuns({ project, port }, report));
  } finally {
    await stop();
    project.remove();
  }
  totals.conclude();
}
