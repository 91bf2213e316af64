// Where access tokens come from, and what becomes of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, isSettled, rejection, turns, until } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const url = "https://example.org/cometd";

/** A client of this source, or of `auth` in the options. */
async function starting({ source, ...options }, world = fakeLoader()) {
  const connecting = connectWith(world.loader, { url, ...options }, source);
  connecting.catch(() => {});
  await until(() => world.engine);
  return { connecting, engine: world.engine, world };
}

/** The same, with its first token and its handshake. */
async function authenticated(options) {
  const found = await starting(options);
  found.engine.host.authenticate(false);
  await turns();
  found.engine.settle(0);
  return { ...found, client: await found.connecting };
}

/** Gives tokens T1, T2 and so on, of a Salesforce. */
function counting(overrides = {}) {
  const requests = [];
  const get = async (request) => {
    requests.push(request);
    const n = requests.length;
    const instanceUrl = `https://i${n}.my.salesforce.com`;
    return { accessToken: `T${n}`, instanceUrl, url: `${instanceUrl}/cometd/67.0`, apiVersion: "67.0" };
  };
  return { requests, source: { salesforce: true, allowedHosts: ["*.my.salesforce.com"], get, ...overrides } };
}

const login = (code, retryable) => ({ code, message: "in the engine's words", retryable });

test("the engine asks, and gets tokens whose numbers ascend from 1", async () => {
  const { source, requests } = counting();
  const { engine, client } = await authenticated({ source });
  engine.host.authenticate(true);
  await turns();
  assert.deepEqual(engine.told("token"), [
    [1, "T1", "https://i1.my.salesforce.com/cometd/67.0"],
    [2, "T2", "https://i2.my.salesforce.com/cometd/67.0"],
  ]);
  assert.deepEqual(
    requests.map(({ refused }) => refused),
    [false, true],
  );
  assert.deepEqual([client.instanceUrl, client.apiVersion], ["https://i2.my.salesforce.com", "67.0"]);
});

test("S10a an authenticator is told that its last token was refused, or that the instance may have moved", async () => {
  const contexts = [];
  const auth = { token: async (context) => (contexts.push(context), { accessToken: `T${contexts.length}` }) };
  const { engine } = await starting({ auth });
  for (const [refused, moved] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ]) {
    engine.host.authenticate(refused, moved);
    await turns();
    assert.deepEqual([contexts.at(-1).refused, contexts.at(-1).moved], [refused, moved]);
  }
});

test("S10a the same token for the same instance is news to the engine alone", async () => {
  const { source } = counting();
  const { get } = source;
  const { engine, client } = await authenticated({ source });
  const status = reader(client.status());
  const same = client.instanceUrl;
  source.get = async () => ({ accessToken: "T1", instanceUrl: same, url: `${same}/cometd/67.0`, apiVersion: "67.0" });
  engine.host.authenticate(false, true);
  await turns();
  assert.deepEqual(engine.told("token").at(-1), [2, "T1", `${same}/cometd/67.0`]);
  source.get = get;
  engine.host.authenticate(true, false);
  await turns();
  const instanceUrl = "https://i2.my.salesforce.com";
  assert.deepEqual((await status.next()).value, { type: "reauthenticated", instanceUrl });
});

test("S10a a login that failed for REST calls alone is no cause of what comes later", async () => {
  const { source } = counting();
  const { engine, client } = await authenticated({ source });
  source.get = async () => Promise.reject(new CometdError("login-refused", "no"));
  engine.host.authenticate(true, false);
  await turns();
  engine.host.noToken();
  engine.host.closed({ code: "max-retries", message: "the network", retryable: true });
  assert.equal((await client.closed).cause, undefined);
});

test("the engine learns the dialect, and the hosts that tokens may go to", async () => {
  const { source } = counting();
  const { options } = (await starting({ source })).engine;
  assert.deepEqual([options.auth, options.salesforce, options.allowedHosts], [true, true, ["*.my.salesforce.com"]]);
  const plain = (await starting({ auth: { token: async () => ({ accessToken: "T" }) } })).engine.options;
  assert.deepEqual([plain.auth, plain.salesforce, plain.allowedHosts], [true, false, []]);
});

test("connect({ auth }) asks token() as a method, and the endpoint stays what it is", async () => {
  class Auth {
    #token = "T";
    async token(context) {
      this.context = context;
      return { accessToken: this.#token };
    }
  }
  const auth = new Auth();
  const calls = [];
  const fetch = async (...args) => calls.push(args);
  const { engine, client } = await authenticated({ auth, fetch });
  assert.deepEqual(engine.told("token"), [[1, "T", url]]);
  assert.deepEqual([client.instanceUrl, client.apiVersion], ["https://example.org", undefined]);
  assert.equal(auth.context.refused, false);
  await auth.context.fetch("https://elsewhere/", {});
  assert.deepEqual(calls, [["https://elsewhere/", {}]]);
});

test("without auth there is no instance", async () => {
  const { client, engine } = await connected();
  assert.deepEqual([client.instanceUrl, client.apiVersion], [undefined, undefined]);
  engine.host.authenticate(false);
});

test("S10 one token is asked for at a time", async () => {
  const answers = [];
  const { source } = counting({ get: () => new Promise((resolve) => answers.push(resolve)) });
  const { engine } = await starting({ source });
  engine.host.authenticate(false);
  engine.host.authenticate(true);
  assert.equal(answers.length, 1);
  answers[0]({ accessToken: "T", instanceUrl: "https://i", url: "https://i/cometd" });
  await turns();
  engine.host.authenticate(true);
  assert.equal(answers.length, 2);
  assert.equal(engine.told("token").length, 1);
});

test("every token but the first is told", async () => {
  const { source } = counting();
  const { engine, client } = await authenticated({ source });
  const status = reader(client.status());
  engine.host.authenticate(true);
  const instanceUrl = "https://i2.my.salesforce.com";
  assert.deepEqual((await status.next()).value, { type: "reauthenticated", instanceUrl });
});

test("X1 the engine says to which addresses a token may go", async () => {
  const token = async () => ({ accessToken: "T", instanceUrl: "https://evil.example" });
  const { engine, connecting } = await starting({ auth: { token } });
  engine.checkInstance = (address) => {
    if (address === "https://evil.example") throw { code: "instance-refused", message: "no", retryable: false };
  };
  engine.host.authenticate(false);
  await turns();
  assert.deepEqual(engine.told("token"), []);
  assert.deepEqual(engine.told("tokenFailed"), [["no", false]]);
  engine.settle(0, [], login("login-failed", false));
  assert.equal((await rejection(connecting)).code, "instance-refused");
});

test("X1 a token that the engine itself will not have is a failed login", async () => {
  const { source } = counting();
  const { engine } = await starting({ source });
  engine.break("token", { code: "instance-refused", message: "no", retryable: false });
  engine.host.authenticate(false);
  await turns();
  assert.deepEqual(engine.told("tokenFailed"), [["no", false]]);
});

test("a login that is refused ends connect with the very error that it was", async () => {
  const oauth = { error: "invalid_grant", description: "expired" };
  const refusal = new CometdError("login-refused", "the login was refused", { status: 400, oauth });
  const { source } = counting({ get: async () => Promise.reject(refusal) });
  const { engine, connecting } = await starting({ source });
  engine.host.authenticate(false);
  await turns();
  assert.deepEqual(engine.told("tokenFailed"), [["the login was refused", false]]);
  engine.settle(0, [], login("login-refused", false));
  assert.equal(await rejection(connecting), refusal);
});

test("a login that is refused later ends the client with the very error that it was", async () => {
  const refusal = new CometdError("login-refused", "the login was refused");
  let refuse = false;
  const { source } = counting();
  const { get } = source;
  source.get = async (request) => (refuse ? Promise.reject(refusal) : get(request));
  const { engine, client } = await authenticated({ source });
  const pending = reader(client.events()).next();
  const publishing = client.publish("/a", 1);
  refuse = true;
  engine.host.authenticate(true);
  await turns();
  engine.settle(engine.told("publish")[0][0], [], login("login-refused", false));
  engine.host.closed(login("login-refused", false));
  for (const promise of [pending, publishing]) assert.equal(await rejection(promise), refusal);
  assert.equal(await client.closed, refusal);
});

test("S10 an error of the user's own token() is retried, and told with what it was", async () => {
  const thrown = new Error("the vault is sealed");
  const { engine, connecting } = await starting({
    auth: {
      token() {
        throw thrown;
      },
    },
  });
  engine.host.authenticate(false);
  await turns();
  const [[message, retryable]] = engine.told("tokenFailed");
  assert.match(message, /the vault is sealed/);
  assert.equal(retryable, true);
  const last = { code: "login-failed", message, retryable: true };
  engine.settle(0, [], { code: "max-retries", message: "10 failures", retryable: true, last });
  const error = await rejection(connecting);
  assert.deepEqual([error.code, error.message], ["max-retries", "10 failures"]);
  assert.deepEqual([error.cause.code, error.cause.retryable, error.cause.cause], ["login-failed", true, thrown]);
});

test("a retry that is told has the login's own error", async () => {
  const failure = new CometdError("login-failed", "no answer", { retryable: true });
  const { source } = counting();
  const { get } = source;
  const { engine, client } = await authenticated({ source });
  const status = reader(client.status());
  source.get = async () => Promise.reject(failure);
  engine.host.authenticate(true);
  await turns();
  engine.host.status({ type: "retry", attempt: 1, delayMs: 5, error: login("login-failed", true) });
  assert.equal((await status.next()).value.error, failure);
  source.get = get;
  engine.host.authenticate(true);
  await turns();
  assert.equal((await status.next()).value.type, "reauthenticated");
  const last = { code: "timeout", message: "was silent", retryable: true };
  engine.host.closed({ code: "max-retries", message: "the network", retryable: true, last });
  assert.equal((await client.closed).cause.code, "timeout", "once a login went well it is no cause any more");
});

test("a source that throws anything at all is a failed login", async () => {
  for (const thrown of [undefined, "", Object.create(null), new Error("")]) {
    const { source } = counting({ get: async () => Promise.reject(thrown) });
    const { engine } = await starting({ source });
    engine.host.authenticate(false);
    await turns();
    const [[message, retryable]] = engine.told("tokenFailed");
    assert.deepEqual([typeof message, retryable], ["string", true]);
  }
});

test("the end of the client aborts what asks for a token, and nothing is said after it", async () => {
  for (const end of [
    ({ client }) => void client.close(),
    ({ engine }) => engine.host.closed({ code: "server-ended", message: "over", retryable: false }),
    ({ controller }) => controller.abort(new Error("enough")),
    ({ world }) => world.onTrap(new WebAssembly.RuntimeError("unreachable")),
  ]) {
    const { source } = counting();
    const controller = new AbortController();
    const found = await authenticated({ source, signal: controller.signal });
    let signal;
    source.get = (request) => {
      ({ signal } = request);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    found.engine.host.authenticate(true);
    end({ ...found, controller });
    assert.equal(signal.aborted, true);
    await turns();
    assert.deepEqual(found.engine.told("tokenFailed"), []);
    assert.equal(found.engine.told("token").length, 1);
  }
});

test("X1 with auth the endpoint must be https, or on this machine", async () => {
  const auth = { token: async () => ({ accessToken: "T" }) };
  for (const bad of ["http://example.org/", "http://localhost.example.org/", "http://127.example.org/"]) {
    const error = await rejection(connectWith(fakeLoader().loader, { url: bad, auth }));
    assert.equal(error.code, "invalid-argument", bad);
    assert.ok(error.message.startsWith("url:"), error.message);
  }
  for (const good of ["http://localhost:8080/", "http://a.localhost/", "http://127.0.0.1/", "http://[::1]:1/", url]) {
    const { engine } = await starting({ auth, url: good });
    assert.equal(engine.options.auth, true);
  }
});

test("auth must have a method token", async () => {
  for (const auth of [null, "T", {}, { token: "T" }]) {
    const error = await rejection(connectWith(fakeLoader().loader, { url, auth }));
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith("auth:"), error.message);
  }
});

test("connect waits for the handshake, and not for the token alone", async () => {
  const { source } = counting();
  const { engine, connecting } = await starting({ source });
  engine.host.authenticate(false);
  assert.equal(await isSettled(connecting), false);
  engine.settle(0);
  await connecting;
});
