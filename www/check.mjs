// Plays the visitor of the page in headless Chromium: node check.mjs PAGE-URL CONTROL-URL
//
// It waits for what the page shows, and asserts nothing about time. What each step shows is printed; the first one that
// fails ends it, with exit code 1 and what the pages showed at that moment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { chromium } from "playwright-core";

/** As all tests of the project start it. */
const FLAGS = JSON.parse(readFileSync(new URL("../webdriver.json", import.meta.url), "utf8"))["goog:chromeOptions"]
  .args;
const CHANNEL = "/orders/new";
/** Nothing here takes long; a machine that is busy with other things may. */
const PATIENCE_MS = 60_000;
/** Longer than any cut lasts, so that it lasts until it is ended. */
const UNTIL_ENDED_MS = 3_600_000;

const [pageUrl, controlUrl] = process.argv.slice(2);
if (!pageUrl || !controlUrl) {
  console.error("usage: node check.mjs PAGE-URL CONTROL-URL");
  process.exit(2);
}
const bayeuxUrl = new URL("cometd", pageUrl).href;

/** A page, what it shows, and what its console says. */
class Visitor {
  /** What no page should bring forth. */
  problems = [];
  /** Requests to the Bayeux address may fail now, since the network is cut or the page is being left. */
  mayFail = false;
  /** How many did. */
  failed = 0;

  constructor(name, page) {
    this.name = name;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    this.#listen();
  }

  /** A cut shows as failed requests to the Bayeux address, in the console too. All else is a problem at any time. */
  #listen() {
    const { page, problems } = this;
    const ofCut = (url) => this.mayFail && url === bayeuxUrl;
    page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack ?? error}`));
    page.on("crash", () => problems.push("the page crashed"));
    page.on("console", (message) => {
      const { url } = message.location();
      const request = message.text().startsWith("Failed to load resource: net::ERR_");
      if (!["error", "warning", "assert"].includes(message.type()) || (request && ofCut(url))) return;
      problems.push(`console ${message.type()}: ${message.text()} (${url})`);
    });
    page.on("requestfailed", (request) => {
      if (ofCut(request.url())) this.failed += 1;
      else problems.push(`request failed: ${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) problems.push(`HTTP ${response.status()}: ${response.url()}`);
    });
  }

  press(button) {
    return this.page.click(`#${button}`);
  }

  /** What the page shows. */
  shown() {
    return this.page.evaluate(() => {
      const number = (id) => Number(document.getElementById(id).textContent);
      const entries = [...document.querySelectorAll("#log > li")].reverse();
      return {
        state: document.getElementById("state").dataset.state,
        published: number("published"),
        delivered: number("delivered"),
        waiting: number("waiting"),
        lost: number("lost"),
        duplicates: number("duplicates"),
        newest: Number(document.querySelector("#orders td.n")?.textContent ?? 0),
        rows: document.querySelectorAll("#orders > tr:not(.lost)").length,
        lostRows: document.querySelectorAll("#orders > tr.lost").length,
        gaps: entries.filter((entry) => entry.dataset.type === "gap").map((entry) => entry.dataset.lost),
        log: entries.map((entry) => entry.dataset.type),
        problem: document.getElementById("problems").hidden ? "" : document.getElementById("problem").textContent,
      };
    });
  }

  /** Waits until what is shown fulfils the condition, and returns it. */
  until(what, condition) {
    return until(`${this.name} page: ${what}`, () => this.shown(), condition);
  }
}

const visitors = [];

async function check() {
  const executablePath = process.env.CHROME_BIN || "/usr/bin/chromium";
  const { ordersPerSecond } = await control("GET", "config");
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  try {
    const context = await browser.newContext();
    const first = await visit(context, "first");
    const second = await visit(context, "second");
    await ordersArrive(first);
    await ordersArrive(second);
    say("two pages follow the orders, side by side in one browser");

    await surviveCut(first, second);
    await showGap(first, second);
    await nameLostOrders(first, second);
    await balance(first, second);
    await control("POST", "config", { ordersPerSecond });
    await leave(first, second);

    for (const { name, problems } of visitors) assert.deepEqual(problems, [], `problems of the ${name} page`);
    say("no error in the console, no unhandled rejection, no failed request but those of the cuts");
  } catch (error) {
    await report();
    throw error;
  } finally {
    await control("POST", "cut", { downMs: 0 });
    await control("POST", "config", { ordersPerSecond });
    await browser.close();
  }
}

async function visit(context, name) {
  const visitor = new Visitor(name, await context.newPage());
  visitors.push(visitor);
  await visitor.page.goto(pageUrl);
  await ordersArrive(visitor);
  return visitor;
}

/** Three more orders than now. */
async function ordersArrive(visitor) {
  const { delivered } = await visitor.shown();
  return visitor.until("orders arrive", (shown) => shown.state === "connected" && shown.delivered >= delivered + 3);
}

/** With the acknowledgement extension a cut loses nothing. */
async function surviveCut(...pages) {
  const [visitor] = pages;
  for (const page of pages) page.mayFail = true;
  await visitor.press("cut");
  await visitor.until("it notices the cut", (shown) => count(shown, "retry") > 0);
  // Beside those that come by themselves, so that there are some that nobody can receive at first.
  const { last } = await publish(3);
  for (const page of pages) {
    const shown = await page.until("what was published meanwhile arrives", (now) => now.newest >= last);
    assert.equal(shown.lost, 0, `${page.name} page: a cut loses nothing`);
    assert.equal(shown.duplicates, 0, `${page.name} page: and brings nothing twice`);
    assert.deepEqual(shown.gaps, [], `${page.name} page: so there is no gap`);
    await ordersArrive(page);
    page.mayFail = false;
  }
  assert.ok(visitor.failed > 0, "requests failed during the cut");
  say("orders arrive before and after a cut of the network, and none is lost by it");
}

/** A forgotten session shows its gap, whether or not an order fell into it. */
async function showGap(...pages) {
  await pages[0].press("forget");
  for (const page of pages) {
    const shown = await page.until("the gap, and the order after it", (now) => now.gaps[0] !== undefined);
    assert.equal(shown.lost, lostIn(shown.gaps), `${page.name} page: what is lost lies in the gap`);
    await ordersArrive(page);
  }
  say("a forgotten session shows its gap, and orders go on");
}

/** Forgotten during a cut, a session loses what is published until the end of it, and the gap names just that. */
async function nameLostOrders(...pages) {
  const before = await Promise.all(pages.map((page) => page.shown()));
  for (const page of pages) page.mayFail = true;
  await control("POST", "cut", { downMs: UNTIL_ENDED_MS });
  for (const [index, page] of pages.entries()) {
    await page.until("it notices the cut", (shown) => count(shown, "retry") > count(before[index], "retry"));
  }
  await pages[0].press("forget");
  await until(
    "the sessions are gone",
    () => control("GET", "stats"),
    ({ sessions }) => sessions === 0,
  );
  const { last } = await publish(5);
  await control("POST", "cut", { downMs: 0 });
  for (const [index, page] of pages.entries()) {
    const shown = await page.until("the second gap, and the order after it", (now) => now.gaps[1] !== undefined);
    const [from, to] = shown.gaps[1].split("-").map(Number);
    assert.ok(from <= last - 4 && last <= to, `${page.name} page: ${last - 4} to ${last} lie within ${shown.gaps[1]}`);
    assert.equal(shown.lost, lostIn(shown.gaps), `${page.name} page: what is lost lies in the gaps`);
    assert.ok(shown.lost >= before[index].lost + 5, `${page.name} page: the counter has them all`);
    assert.ok(shown.lostRows > 0, `${page.name} page: the table shows them`);
    await ordersArrive(page);
    page.mayFail = false;
  }
  say("orders that are lost with a session are counted, and its gap names them");
}

/** Once nothing is published any more, all that was published is delivered or lost. */
async function balance(...pages) {
  await control("POST", "config", { ordersPerSecond: 0 });
  const { last } = await publish(1);
  for (const page of pages) {
    const shown = await page.until("nothing is on the way", (now) => now.newest === last && now.waiting === 0);
    const { published, delivered, lost } = shown;
    assert.equal(published, delivered + lost, `${page.name} page`);
    assert.equal(lost, lostIn(shown.gaps), `${page.name} page: every loss has its gap`);
    assert.equal(shown.duplicates, 0, `${page.name} page: no order came twice`);
    assert.equal(shown.gaps.length, 2, `${page.name} page: one gap for each forgotten session`);
    assert.equal(count(shown, "unexplained"), 0, `${page.name} page: no loss without a gap`);
    assert.equal(shown.problem, "", `${page.name} page: no problem is shown`);
    say(`the ${page.name} page is even: ${published} published = ${delivered} delivered + ${lost} lost`);
  }
}

/** A page that is left takes nothing along. */
async function leave(first, second) {
  second.mayFail = true;
  await second.page.close();
  await ordersArrive(first);
  say("the first page goes on when the second is left");
}

/** How many entries of a type the log shows. */
function count(shown, type) {
  return shown.log.filter((entry) => entry === type).length;
}

/** How many orders the gaps name. */
function lostIn(gaps) {
  const ranges = gaps.filter((gap) => gap && gap !== "none").map((gap) => gap.split("-").map(Number));
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** Publishes orders at once, and says which was the last. */
function publish(number) {
  const order = { orderId: "SO-CHECK", customer: "The check", amount: 1, status: "new", publishedAt: Date.now() };
  return control("POST", "publish", { channel: CHANNEL, data: order, count: number });
}

async function control(method, action, body) {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(`${controlUrl}/${action}`, init);
  assert.ok(response.ok, `${method} ${action}: HTTP ${response.status}`);
  return response.json();
}

/** Asks again and again, and returns the first answer that fulfils the condition. */
async function until(what, ask, condition) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}; now ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function say(text) {
  console.log(`ok  ${text}`);
}

/** What the pages show, for whoever looks for the reason. */
async function report() {
  for (const visitor of visitors) {
    const shown = visitor.page.isClosed() ? "closed" : await visitor.shown().catch(String);
    console.error(`the ${visitor.name} page shows`, shown, "problems:", visitor.problems);
  }
}

await check();
