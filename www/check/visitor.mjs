// A page in a headless browser, what it shows, and what its console says.

import process from "node:process";

/** Nothing here takes long; a machine that is busy with other things may. */
const PATIENCE_MS = 30_000;
const ASK_EVERY_MS = 50;

const CREDENTIALS = { username: "user@example.com", password: "sandbox-password" };

/** Everything is found as a reader of screens finds it: by role and name, or by label. */
export class Visitor {
  /** What no page should bring forth. */
  problems = [];
  /** Access tokens that the page was given. */
  tokens = [];
  /** Requests to the server may fail now, since the network is cut or the page is being left. */
  mayFail = false;
  /** How many did. */
  failed = 0;
  /** The login may be refused now. */
  mayBeRefused = false;

  constructor(name, page) {
    this.name = name;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    this.#listen();
  }

  /** A cut shows as failed requests, in the console too. All else is a problem at any time. */
  #listen() {
    const { page, problems } = this;
    const isLogin = (url) => url.endsWith("/services/oauth2/token");
    const ofCut = (url) => this.mayFail && (/\/cometd\/\d+\.0$/.test(url) || url.includes("/services/"));
    const ofRefusal = (url) => this.mayBeRefused && isLogin(url);
    page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack ?? error}`));
    page.on("crash", () => problems.push("the page crashed"));
    page.on("console", (message) => {
      const { url } = message.location();
      const request = message.text().startsWith("Failed to load resource: ");
      if (!["error", "warning", "assert"].includes(message.type())) return;
      if (request && (ofCut(url) || ofRefusal(url))) return;
      problems.push(`console ${message.type()}: ${message.text()} (${url})`);
    });
    page.on("requestfailed", (request) => {
      // A page that is left drops its count of orders, too.
      const dropped = this.mayFail && request.url().endsWith("/sandbox/stats");
      if (ofCut(request.url()) || dropped) this.failed += 1;
      else problems.push(`request failed: ${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on("response", async (response) => {
      const url = response.url();
      if (response.status() >= 400 && !ofRefusal(url)) problems.push(`HTTP ${response.status()}: ${url}`);
      if (!isLogin(url) || !response.ok()) return;
      // The page may be gone before the body is read; then the next login brings another token.
      const answer = await response.json().catch(() => ({}));
      if (answer.access_token) this.tokens.push(answer.access_token);
    });
  }

  async logIn(changes = {}) {
    const { username, password } = { ...CREDENTIALS, ...changes };
    await this.page.getByLabel("User name").fill(username);
    await this.page.getByLabel("Password").fill(password);
    await this.press("Log in");
  }

  press(name) {
    return this.page.getByRole("button", { name, exact: true }).click();
  }

  /** A button that loads the page anew. */
  async pressToReload(name) {
    await Promise.all([this.page.waitForEvent("load"), this.press(name)]);
  }

  /** What the page shows. */
  shown() {
    return this.page.evaluate(() => {
      const text = (id) => document.getElementById(id).textContent;
      const counters = "published delivered waiting named lost again doubled tokens gaps retries reloads".split(" ");
      const entries = [...document.querySelectorAll("#log > li")].reverse();
      const position = (row) =>
        [...document.querySelectorAll(`#positions tr.${row} td`)].map((cell) => cell.textContent);
      return {
        form: document.body.dataset.shown === "login",
        state: document.getElementById("state").dataset.state,
        ...Object.fromEntries(counters.map((name) => [name, Number(text(name))])),
        verdict: text("verdict"),
        newest: Number(document.querySelector("#orders td.n")?.textContent ?? 0),
        customers: [...document.querySelectorAll("#orders td.customer")].map((cell) => cell.textContent),
        missingRows: document.querySelectorAll("#orders > tr.missing").length,
        received: position("received"),
        saved: position("saved"),
        missing: entries.filter((entry) => entry.dataset.type === "gap").map((entry) => entry.dataset.missing),
        log: entries.map((entry) => entry.dataset.type),
        refused: text("refused"),
        problem: document.getElementById("problems").hidden ? "" : text("problem"),
      };
    });
  }

  /** Waits until what is shown fulfils the condition, and returns it. */
  until(what, condition) {
    return until(`${this.name} page: ${what}`, () => this.shown(), condition);
  }

  /** Some more orders than now. */
  async ordersArrive(more = 2) {
    const { delivered } = await this.shown();
    return this.until("orders arrive", (now) => now.state === "connected" && now.delivered >= delivered + more);
  }

  /** All that the origin keeps in the browser, as text. */
  kept() {
    return this.page.evaluate(async () => {
      const settled = (request) =>
        new Promise((resolve, reject) => {
          request.addEventListener("success", () => resolve(request.result));
          request.addEventListener("error", () => reject(request.error));
        });
      const found = [{ ...sessionStorage }, { ...localStorage }, document.cookie];
      for (const { name } of await indexedDB.databases()) {
        const database = await settled(indexedDB.open(name));
        for (const store of database.objectStoreNames) {
          found.push(name, await settled(database.transaction(store).objectStore(store).getAll()));
        }
        database.close();
      }
      return JSON.stringify(found);
    });
  }
}

/** Asks again and again, and returns the first answer that fulfils the condition. */
export async function until(what, ask, condition) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}; now ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/** Where Chromium is. */
export const chromiumPath = process.env.CHROME_BIN || "/usr/bin/chromium";
