// connectSalesforce: what goes in, how a token becomes an endpoint, and what a token() of the user's own may do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CometdError, fakeLoader, rejection, until } from "./fake.mjs";
import {
  accessToken,
  clientCredentials,
  connectSalesforceWith,
  fakeFetch,
  granted,
  INSTANCE,
  password,
  request,
  source,
  versions,
} from "./salesforce-fake.mjs";

const token = { accessToken: "00D!token", instanceUrl: INSTANCE };
const auth = accessToken(token);
const credentials = clientCredentials({ clientId: "key", clientSecret: "secret" });

const BAD_OPTIONS = [
  ["connectSalesforce:", undefined],
  ["auth:", {}],
  ["auth:", { auth: "00D!secret" }],
  ["auth:", { auth: { token: "00D!secret" } }],
  ["url:", { auth, url: "https://acme.my.salesforce.com/cometd/67.0" }],
  ["sandbox:", { auth, sandbox: "yes" }],
  ["loginUrl:", { auth, sandbox: true, loginUrl: "https://acme--uat.sandbox.my.salesforce.com" }],
  ["loginUrl:", { auth, loginUrl: "login.salesforce.com" }],
  ["loginUrl:", { auth, loginUrl: "http://login.salesforce.com" }],
  ["loginUrl:", { auth, loginUrl: "ftp://localhost" }],
  ["loginUrl:", { auth, loginUrl: "https://me:secret@login.salesforce.com" }],
  ["loginUrl:", { auth, loginUrl: "https://login.salesforce.com/?secret" }],
  ["loginUrl:", { auth, loginUrl: "https://login.salesforce.com/services/oauth2/token" }],
  ["loginUrl:", { auth, loginUrl: "https://evilsalesforce.com" }],
  ["loginUrl:", { auth, loginUrl: "https://salesforce.com.secret.example" }],
  ["loginUrl:", { auth, loginUrl: "https://example.com", allowedHosts: ["*.example.com"] }],
  ["loginUrl:", { auth: credentials }],
  ["loginUrl:", { auth: credentials, sandbox: true }],
  ["loginUrl:", { auth: credentials, loginUrl: "https://login.salesforce.com/" }],
  ["allowedHosts:", { auth, allowedHosts: "example.com" }],
  ["allowedHosts[1]:", { auth, allowedHosts: ["example.com", "https://secret.example.com"] }],
  ["allowedHosts[0]:", { auth, allowedHosts: ["*"] }],
  ["allowedHosts[0]:", { auth, allowedHosts: ["example.com:8443"] }],
  ["apiVersion:", { auth, apiVersion: "abc" }],
  ["apiVersion:", { auth, apiVersion: "36.0" }],
  ["apiVersion:", { auth, apiVersion: "v67.0" }],
  ["apiVersion:", { auth, apiVersion: "67" }],
  ["apiVersion:", { auth, apiVersion: 67 }],
  ["apiVersion:", { auth, apiVersion: "67.0/secret" }],
  ["apiVersion:", { auth, resume: { apiVersion: "../secret" } }],
  ["fetch:", { auth, fetch: "x" }],
  ["networkDelayMs:", { auth, networkDelayMs: -1 }],
];

test("x2 an option that makes no sense is named, and its value is not repeated", async () => {
  for (const [name, options] of BAD_OPTIONS) {
    const error = await rejection(connectSalesforceWith(fakeLoader().loader, options));
    assert.equal(error.code, "invalid-argument", inspect(options));
    assert.ok(error.message.startsWith(name), `${error.message}, for ${name}`);
    assert.doesNotMatch(error.message, /secret/, name);
  }
});

test("logins happen where they may", async () => {
  for (const [options, loginUrl] of [
    [{}, "https://login.salesforce.com"],
    [{ sandbox: true }, "https://test.salesforce.com"],
    [{ sandbox: false, loginUrl: "https://Acme.my.salesforce.com/" }, INSTANCE],
    [{ loginUrl: new URL("https://acme.my.salesforce.mil") }, "https://acme.my.salesforce.mil"],
    [{ loginUrl: "http://127.0.0.1:8080" }, "http://127.0.0.1:8080"],
    [{ loginUrl: "http://[::1]:8080/x/" }, "http://[::1]:8080/x"],
    [
      { loginUrl: "https://a.Example.com/site", allowedHosts: ["*.EXAMPLE.com", "[::1]"] },
      "https://a.example.com/site",
    ],
  ]) {
    const seen = [];
    const own = { token: async (context) => (seen.push(context.loginUrl), token) };
    await source({ ...options, auth: own, apiVersion: "67.0" }).get(request());
    assert.deepEqual(seen, [loginUrl]);
  }
});

test("the endpoint is the newest version of the instance, which is asked for once and without the token", async () => {
  const { fetch, requests } = fakeFetch(versions);
  const tokens = source({ auth: { token: async () => ({ ...token, instanceUrl: `${INSTANCE}/` }) } });
  const issued = { ...token, url: `${INSTANCE}/cometd/67.0`, apiVersion: "67.0" };
  assert.deepEqual(await tokens.get(request(fetch)), issued);
  assert.deepEqual(await tokens.get(request(fetch, { refused: true })), issued);
  assert.equal(requests.length, 1);
  const [{ url, method, redirect, headers }] = requests;
  assert.equal(url, `${INSTANCE}/services/data/`);
  assert.deepEqual([method, redirect], ["GET", "manual"]);
  assert.deepEqual(headers, { accept: "application/json" });
});

test("a version that is given is not asked for", async () => {
  const { fetch, requests } = fakeFetch(versions);
  const { url, apiVersion } = await source({ auth, apiVersion: "61.0" }).get(request(fetch));
  assert.deepEqual([url, apiVersion], [`${INSTANCE}/cometd/61.0`, "61.0"]);
  assert.equal(requests.length, 0);
});

test("s17 a resumed client speaks the version of its snapshot, unless another one is given", async () => {
  const resume = { version: 1, session: {}, apiVersion: "66.0", subscriptions: [], events: [] };
  const { fetch, requests } = fakeFetch(versions);
  const spoken = async (options) => (await source({ auth, resume, ...options }).get(request(fetch))).apiVersion;
  assert.deepEqual([await spoken({}), await spoken({ apiVersion: "61.0" })], ["66.0", "61.0"]);
  assert.equal(requests.length, 0);
  assert.equal(await spoken({ apiVersion: "latest" }), "67.0");
});

test("s10 versions that cannot be had are asked for again, without another login", async () => {
  const html = () => new Response("<html>", { status: 503 });
  const down = () => Promise.reject(new TypeError("nobody there"));
  const endless = () => new Response("x".repeat(300 * 1024));
  const none = () => Response.json([]);
  const { fetch, requests } = fakeFetch(html, down, endless, none, versions);
  let logins = 0;
  const tokens = source({ auth: { token: async () => (++logins, token) } });
  for (const said of [/HTTP 503/, /nobody there/, /too long/, /not a list/]) {
    const error = await rejection(tokens.get(request(fetch)));
    assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
    assert.match(error.message, said);
    assert.match(error.message, /apiVersion/);
  }
  assert.equal((await tokens.get(request(fetch))).apiVersion, "67.0");
  assert.deepEqual([logins, requests.length], [1, 5]);
  await tokens.get(request(fetch));
  assert.equal(logins, 2, "a token is kept only until it is given out");
});

const opaque = () => ({ status: 0, type: "opaqueredirect", body: null });
const found = () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } });

/** A source whose logins give these instances in turn, and what each login was told. */
function moving(...instances) {
  const told = [];
  const logIn = async ({ refused, moved }) => {
    told.push([refused, moved]);
    return { accessToken: `T${told.length}`, instanceUrl: instances[Math.min(told.length, instances.length) - 1] };
  };
  return { told, tokens: source({ auth: { token: logIn } }) };
}

const [EAST, WEST] = ["https://east.my.salesforce.com", "https://west.my.salesforce.com"];

test("s10a versions that are redirected are looked for where a new login says", async () => {
  for (const redirect of [opaque, found]) {
    const { told, tokens } = moving(EAST, WEST);
    const { fetch, requests } = fakeFetch(redirect, versions);
    const error = await rejection(tokens.get(request(fetch)));
    assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
    assert.equal((await tokens.get(request(fetch))).url, `${WEST}/cometd/67.0`);
    assert.deepEqual(
      requests.map(({ url }) => url),
      [`${EAST}/services/data/`, `${WEST}/services/data/`],
    );
    assert.deepEqual(told, [
      [false, false],
      [false, true],
    ]);
  }
});

test("s10a versions that are redirected again before the first session are a redirect", async () => {
  for (const redirect of [opaque, found]) {
    const { told, tokens } = moving(EAST, WEST);
    // What fails in between is no answer.
    const { fetch } = fakeFetch(redirect, () => new Response("", { status: 503 }), redirect);
    assert.equal((await rejection(tokens.get(request(fetch)))).code, "login-failed");
    assert.equal((await rejection(tokens.get(request(fetch)))).code, "login-failed");
    const error = await rejection(tokens.get(request(fetch)));
    assert.deepEqual([error.code, error.retryable, told.length], ["redirect", false, 2]);
  }
});

test("s10a versions that are redirected later are asked for again, with one more login", async () => {
  const { told, tokens } = moving(EAST, WEST);
  const { fetch } = fakeFetch(versions, opaque, opaque, opaque, opaque, versions);
  await tokens.get(request(fetch));
  for (const refused of [true, false, false, false]) {
    const error = await rejection(tokens.get(request(fetch, { refused })));
    assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
  }
  assert.deepEqual(told, [
    [false, false],
    [true, false],
    [false, true],
  ]);
  assert.equal((await tokens.get(request(fetch))).instanceUrl, WEST);
  assert.equal(told.length, 3);
});

test("s10a versions that nobody gives for 40 s are looked for where a new login says, then every 5 minutes", async (t) => {
  let ms = 0;
  t.mock.method(performance, "now", () => ms);
  const { told, tokens } = moving(EAST, EAST, WEST);
  const { fetch } = fakeFetch(() => Promise.reject(new TypeError("nobody there")));
  for (const [at, logins] of [
    [0, 1],
    [39_999, 1],
    [40_000, 2],
    [339_999, 2],
    [340_000, 3],
  ]) {
    ms = at;
    assert.equal((await rejection(tokens.get(request(fetch)))).code, "login-failed");
    assert.equal(told.length, logins, `after ${at} ms`);
  }
  assert.deepEqual(told.at(-1), [false, true]);
});

test("versions that never come are given up", async () => {
  const error = await rejection(source({ auth, networkDelayMs: 5 }).get(request(() => new Promise(() => {}))));
  assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
  assert.match(error.message, /within 5 ms/);
});

test("x1 an instance elsewhere is refused before anything is sent there", async () => {
  const { fetch, requests } = fakeFetch(versions);
  const asked = [];
  const refusal = new CometdError("instance-refused", "not there");
  const checkInstance = (url) => {
    asked.push(url);
    throw refusal;
  };
  assert.equal(await rejection(source({ auth }).get(request(fetch, { checkInstance }))), refusal);
  assert.deepEqual([asked, requests], [[INSTANCE], []]);
});

const NONSENSE = [
  undefined,
  null,
  "00D!secret",
  {},
  { accessToken: "" },
  { accessToken: 7, instanceUrl: INSTANCE },
  { accessToken: "00D!secret\n", instanceUrl: INSTANCE },
  { accessToken: "Bearer 00D!secret", instanceUrl: INSTANCE },
  { accessToken: "00D!secret\r\nx: y", instanceUrl: INSTANCE },
  { accessToken: "00D!s\u0000ecret", instanceUrl: INSTANCE },
  { accessToken: "00D!secret" },
  { accessToken: "00D!secret", instanceUrl: "" },
  { accessToken: "00D!secret", instanceUrl: "acme.my.salesforce.com" },
  { accessToken: "00D!secret", instanceUrl: "javascript:secret" },
  { accessToken: "00D!secret", instanceUrl: "https://u:secret@acme.my.salesforce.com" },
  { accessToken: "00D!secret", instanceUrl: new URL(INSTANCE) },
];

test("x2 nonsense from token() ends the client, and is not repeated", async () => {
  for (const answer of NONSENSE) {
    const error = await rejection(source({ auth: { token: () => answer }, apiVersion: "67.0" }).get(request()));
    assert.deepEqual([error.code, error.retryable], ["login-failed", false], inspect(answer));
    assert.match(error.message, /accessToken|instanceUrl/);
    assert.doesNotMatch(inspect(error), /secret/, inspect(answer));
  }
});

test("s10 a token() that fails is tried again, unless it says otherwise", async () => {
  const cause = new Error("vault is down");
  for (const failing of [
    () => Promise.reject(cause),
    () => {
      throw cause;
    },
  ]) {
    const error = await rejection(source({ auth: { token: failing } }).get(request()));
    assert.deepEqual([error.code, error.retryable, error.cause], ["login-failed", true, cause]);
    assert.match(error.message, /vault is down/);
  }
  const final = new CometdError("login-refused", "no");
  const own = { token: () => Promise.reject(final) };
  assert.equal(await rejection(source({ auth: own }).get(request())), final);
});

test("s10 a token() that hangs is given up, and told so", async () => {
  let context;
  const own = { token: (given) => ((context = given), new Promise(() => {})) };
  const error = await rejection(source({ auth: own, networkDelayMs: 5 }).get(request()));
  assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
  assert.match(error.message, /within 15 ms/);
  assert.equal(context.signal.aborted, true);
});

test("a token() that is not wanted any more is told so", async () => {
  const controller = new AbortController();
  let context;
  const own = { token: (given) => ((context = given), new Promise(() => {})) };
  const pending = source({ auth: own }).get(request(undefined, { signal: controller.signal }));
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await rejection(pending), reason);
  assert.equal(context.signal.reason, reason);
  assert.equal(await rejection(source({ auth: own }).get(request(undefined, { signal: controller.signal }))), reason);
});

test("a token() of one's own is told what it needs, and its signal stays quiet after success", async () => {
  const fetch = () => {};
  let context;
  const own = { token: async (given) => ((context = given), token) };
  await source({ auth: own, apiVersion: "67.0" }).get(request(fetch, { refused: true }));
  const { refused, signal, loginUrl } = context;
  assert.deepEqual([refused, signal.aborted, loginUrl], [true, false, "https://login.salesforce.com"]);
  assert.equal(context.fetch, fetch);
});

test("connectSalesforce brings the dialect, replay and the hosts to the engine, and logs in when asked to", async () => {
  const { fetch, requests } = fakeFetch(() => granted(), versions);
  const world = fakeLoader();
  const { load } = world.loader;
  const options = {
    auth: password({ clientId: "key", clientSecret: "secret", username: "me", password: "word" }),
    allowedHosts: ["Proxy.example.com"],
    fetch,
  };
  const connecting = connectSalesforceWith({ load }, options);
  await until(() => world.engine);
  const { engine } = world;
  const told = engine.options;
  assert.deepEqual([told.salesforce, told.auth, told.replay], [true, true, true]);
  assert.deepEqual(told.allowedHosts, ["proxy.example.com"]);
  assert.equal(new URL(told.url).origin, "https://login.salesforce.com");
  assert.equal(requests.length, 0);
  engine.host.authenticate(false);
  await until(() => engine.calls.some(([name]) => name === "token"));
  const call = engine.calls.find(([name]) => name === "token");
  assert.deepEqual(call.slice(0, 4), ["token", 1, "00D!token", `${INSTANCE}/cometd/67.0`]);
  engine.host.state("connected");
  engine.settle(0);
  const client = await connecting;
  assert.equal(client.instanceUrl, INSTANCE);
  assert.equal(client.apiVersion, "67.0");
});
