// Headless Chromium, the files unbundled. Cases side by side have a browsing context each, since all pages of one share
// six connections to a server, of which every parked poll holds one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium as playwright } from "playwright-core";
import { applicable } from "../../contract/index.mjs";
import { startProxy } from "../proxy.mjs";
import { chromium, root } from "../tools.mjs";
import { inTurn } from "./turns.mjs";

const FLAGS = JSON.parse(readFileSync(join(root, "webdriver.json"), "utf8"))["goog:chromeOptions"].args;
const WIDTH = 3;

export async function chromiumRuntime(project) {
  const proxy = await startProxy(project);
  const browser = await playwright.launch({ executablePath: chromium(), headless: true, args: FLAGS });

  async function openPage(problems) {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
    await page.goto(proxy.origin);
    await page.waitForFunction("globalThis.suite");
    return page;
  }

  return {
    name: "chromium",
    features: ["host-cookies", "indexedDbStore", "webStorageStore(localStorage)", "webStorageStore(sessionStorage)"],
    proxy: `${proxy.origin}/proxy/`,
    async run({ target, run, grep }, report) {
      const problems = [];
      const pages = await Promise.all(Array.from({ length: WIDTH }, () => openPage(problems)));
      const one = (name, turn, lane) =>
        pages[lane].evaluate((task) => globalThis.suite.run(task), { name, target, run: `${run}${turn}x` });
      try {
        await inTurn(applicable(target.features, grep), { width: WIDTH, one, report });
        for (const page of pages) problems.push(...(await page.evaluate(() => globalThis.suite.stray)));
        for (const error of new Set(problems)) {
          report({ name: "nothing stray reaches the host", ok: false, ms: 0, error });
        }
      } finally {
        await Promise.all(pages.map((page) => page.context().close()));
      }
    },
    async stop() {
      await browser.close();
      proxy.stop();
    },
  };
}
