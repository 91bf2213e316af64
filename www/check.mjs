// Plays the visitor of the page in headless Chromium: node check.mjs PAGE-URL CONTROL-URL
//
// It waits for what the page shows, and asserts nothing about time. What each step shows is printed; the first one that
// fails ends it, with exit code 1 and what the pages showed at that moment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { chromium } from "playwright-core";
import { chromiumPath, until, Visitor } from "./check/visitor.mjs";

/** As all tests of the project start it. */
const FLAGS = JSON.parse(readFileSync(new URL("../webdriver.json", import.meta.url), "utf8"))["goog:chromeOptions"]
  .args;
const CHANNEL = "/event/Order__e";
/** Fast enough that a reload and a cut fall into the middle of a stream. */
const ORDERS_PER_SECOND = 25;

const [pageUrl, controlUrl] = process.argv.slice(2);
if (!pageUrl || !controlUrl) {
  console.error("usage: node check.mjs PAGE-URL CONTROL-URL");
  process.exit(2);
}

const visitors = [];

async function check() {
  const browser = await chromium.launch({ executablePath: chromiumPath, headless: true, args: FLAGS });
  try {
    await control("POST", "config", { ordersPerSecond: ORDERS_PER_SECOND });
    const context = await browser.newContext();
    const visitor = await visit(context, "first");
    await wrongPassword(visitor);
    await rightPassword(visitor);
    await publish(visitor);
    await surviveCut(visitor);
    await surviveForgotten(visitor);
    await renewToken(visitor);
    await reload(visitor);
    await comeBack(visitor);
    await expirePosition(visitor);
    await expireWhileAway(visitor);
    await besideAnother(visitor, context);
    await balance(visitor);
    await logOut(visitor);
    for (const { name, problems } of visitors) assert.deepEqual(problems, [], `problems of the ${name} page`);
    say("no error in the console, no unhandled rejection, no failed request but those of the steps");
  } catch (error) {
    await report();
    throw error;
  } finally {
    await browser.close();
  }
}

async function visit(context, name) {
  const visitor = new Visitor(name, await context.newPage());
  visitors.push(visitor);
  await visitor.page.goto(pageUrl);
  await visitor.until("the form", (shown) => shown.form);
  return visitor;
}

async function wrongPassword(visitor) {
  visitor.mayBeRefused = true;
  await visitor.logIn({ password: "wrong" });
  const { refused, form } = await visitor.until("the refusal", (shown) => shown.refused !== "");
  visitor.mayBeRefused = false;
  assert.match(refused, /^login-refused: .*authentication failure; check user name, password/);
  assert.ok(form, "the form is still there");
  say(`a wrong password shows the typed error with its hint: ${refused.slice(0, 78)}…`);
}

async function rightPassword(visitor) {
  await visitor.logIn();
  const shown = await visitor.ordersArrive();
  assert.equal(shown.tokens, 1);
  assert.equal(shown.refused, "");
  await visitor.until("a position is saved", ({ saved }) => Number(saved[1]) > 0 && Number(saved[2]) > 0);
  say("the right one logs in, orders arrive, and their position is saved");
}

async function publish(visitor) {
  await visitor.press("Publish an order");
  await visitor.until("the order arrives as an event", (shown) => shown.customers.includes("You"));
  say("an order that is published by REST arrives as an event");
}

/** What happens in `what` must lose nothing, bring nothing twice, and give no gap. */
async function loseNothing(visitor, what) {
  const before = await visitor.shown();
  visitor.mayFail = true;
  await what();
  const number = await published();
  // Order is kept within a response: with two under way some may seem to be lost for a moment.
  const arrived = (now) => now.newest >= number && now.lost === 0;
  const shown = await visitor.until("what was published meanwhile arrives", arrived);
  for (const name of ["named", "doubled", "gaps"]) assert.equal(shown[name], before[name], name);
  await visitor.ordersArrive();
  visitor.mayFail = false;
  return { before, shown };
}

async function surviveCut(visitor) {
  const { before, shown } = await loseNothing(visitor, async () => {
    const { retries } = await visitor.shown();
    await visitor.press("Cut the network");
    await visitor.until("it notices the cut", (now) => now.retries > retries);
    // Published when nobody can receive it.
    const number = await published();
    await until("orders are published meanwhile", published, (now) => now >= number + 10);
  });
  assert.ok(visitor.failed > 0, "requests failed during the cut");
  say(`a cut of the network costs ${shown.retries - before.retries} retries and no order`);
}

async function surviveForgotten(visitor) {
  await loseNothing(visitor, async () => {
    const { retries } = await visitor.shown();
    await visitor.press("Forget the session");
    await visitor.until("it notices", (now) => now.retries > retries);
  });
  say("a forgotten session costs no order");
}

async function renewToken(visitor) {
  const { shown } = await loseNothing(visitor, async () => {
    await visitor.press("Expire the token");
    await visitor.until("it has a new one", (now) => now.tokens === 2);
  });
  assert.ok(shown.log.includes("reauthenticated"));
  say("an expired token is replaced by itself, and costs no order");
}

/** In the middle of the stream: the page logs in by itself, and goes on after the position in IndexedDB. */
async function reload(visitor) {
  const { before, shown } = await loseNothing(visitor, async () => {
    await visitor.pressToReload("Reload the page");
    await visitor.until("it goes on", (now) => now.reloads === 1 && now.state === "connected");
  });
  assertResumed(before, shown);
  assert.equal(shown.tokens, 3, "a login of its own");
  const kept = await visitor.kept();
  assert.ok(kept.includes("replayId"), "positions are kept");
  assert.ok(visitor.tokens.length > 0, "tokens were seen");
  for (const token of visitor.tokens) assert.ok(!kept.includes(token), "no token is kept in the browser");
  say(`a reload costs no order; ${shown.again - before.again} came again; no token is kept`);
}

/** Away for longer: what was published meanwhile is there in the end. */
async function comeBack(visitor) {
  const { before, shown } = await loseNothing(visitor, async () => {
    const number = await leave(visitor);
    await until("orders are published meanwhile", published, (now) => now >= number + 20);
    await visitor.page.goto(pageUrl);
    await visitor.until("it goes on", (now) => now.reloads === 2 && now.state === "connected");
  });
  assertResumed(before, shown);
  say("orders that are published while the page is away arrive when it comes back");
}

async function leave(visitor) {
  visitor.mayFail = true;
  await visitor.page.goto("about:blank");
  return published();
}

/** After a reload the client begins at the saved position; what comes again was not saved. */
function assertResumed(before, shown) {
  assert.equal(shown.log[0], "resumed");
  assert.equal(shown.doubled, 0, "what was saved does not come again");
  assert.ok(shown.published > before.published && shown.delivered > before.delivered, "the counters went on");
}

/** What the server no longer has is named by a gap, to the order; the rest arrives. */
async function expirePosition(visitor) {
  const before = await visitor.shown();
  visitor.mayFail = true;
  await visitor.press("Let the position expire");
  await assertNamed(visitor, before);
  visitor.mayFail = false;
  say("an expired position shows its gap, which names just the orders that are missing");
}

async function expireWhileAway(visitor) {
  const before = await visitor.shown();
  const number = await leave(visitor);
  await until("orders are published meanwhile", published, (now) => now >= number + 5);
  await control("POST", "expire", { channel: CHANNEL, keep: 1 });
  await visitor.page.goto(pageUrl);
  await assertNamed(visitor, before, 0);
  visitor.mayFail = false;
  say("so does one that expires while the page is away");
}

/** `gaps` of this visit were shown before; the next one names all that are missing more than before. */
async function assertNamed(visitor, before, gaps = before.missing.length) {
  await visitor.until("the gap, and the order after it", (now) => now.missing[gaps] !== undefined);
  const shown = await visitor.ordersArrive();
  const [first, last] = shown.missing[gaps].split("-").map(Number);
  assert.ok(last - first >= 1, `orders are missing: ${shown.missing[gaps]}`);
  assert.equal(shown.named - before.named, last - first + 1, "the counter has them all");
  assert.equal(shown.gaps, before.gaps + 1, "one gap");
  assert.ok(shown.missingRows > 0, "the table shows them");
  assert.equal(shown.lost, 0, "nothing is lost without a word");
}

/** Two pages of one browser have positions of their own, and one that is left takes nothing along. */
async function besideAnother(visitor, context) {
  const second = await visit(context, "second");
  await second.logIn();
  await second.ordersArrive();
  await visitor.ordersArrive();
  const { lost, doubled, gaps, named } = await second.shown();
  assert.deepEqual([lost, doubled, gaps, named], [0, 0, 0, 0]);
  second.mayFail = true;
  await second.page.close();
  await visitor.ordersArrive();
  say("two pages follow the orders side by side");
}

/** Once nothing is published any more, all that was published is delivered or named. */
async function balance(visitor) {
  await control("POST", "config", { ordersPerSecond: 0 });
  const number = await published();
  const shown = await visitor.until("nothing is on the way", (now) => now.newest === number && now.waiting === 0);
  assert.equal(shown.published, shown.delivered + shown.named);
  assert.deepEqual([shown.lost, shown.doubled], [0, 0], "nothing is lost without a word, and none came twice");
  assert.ok(!shown.log.includes("unexplained"), "no loss without a gap");
  assert.equal(shown.problem, "", "no problem is shown");
  await visitor.until("the last position is saved", ({ received, saved }) => saved[1] === received[1]);
  say(`the page is even: ${shown.verdict}`);
}

async function logOut(visitor) {
  visitor.mayFail = true;
  await visitor.pressToReload("Log out");
  await visitor.until("the form", (shown) => shown.form);
  assert.ok(!(await visitor.kept()).includes("sandbox-password"), "the password is forgotten");
  say("logged out, it forgets the password");
}

/** The running number of the last order. */
async function published() {
  return (await control("GET", "stats")).published[CHANNEL] ?? 0;
}

async function control(method, action, body) {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(`${controlUrl}/${action}`, init);
  assert.ok(response.ok, `${method} ${action}: HTTP ${response.status}`);
  return response.json();
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
