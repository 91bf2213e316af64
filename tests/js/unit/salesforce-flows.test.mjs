// The ways to log in: what they post, byte for byte, and what they make of the answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { connectWith, fakeLoader, isSettled, rejection, until } from "./fake.mjs";
import {
  accessToken,
  clientCredentials,
  fakeFetch,
  granted,
  INSTANCE,
  password,
  refreshToken,
  request,
  source,
} from "./salesforce-fake.mjs";

const app = { clientId: "key +&", clientSecret: "secret=1" };
const user = { username: "me@example.com", password: "pass%word" };
const refreshing = { ...app, refreshToken: "5Aep.secret" };
const get = (auth, more) => source({ auth, apiVersion: "67.0", loginUrl: INSTANCE, ...more });

for (const [name, auth, form] of [
  [
    "password",
    () => password({ ...app, ...user }),
    "grant_type=password&client_id=key+%2B%26&client_secret=secret%3D1&username=me%40example.com&password=pass%25word",
  ],
  [
    "password with a security token",
    () => password({ ...app, ...user, securityToken: "XyZ" }),
    "grant_type=password&client_id=key+%2B%26&client_secret=secret%3D1&username=me%40example.com&password=pass%25wordXyZ",
  ],
  [
    "client credentials",
    () => clientCredentials(app),
    "grant_type=client_credentials&client_id=key+%2B%26&client_secret=secret%3D1",
  ],
  [
    "refresh token",
    () => refreshToken(refreshing),
    "grant_type=refresh_token&client_id=key+%2B%26&client_secret=secret%3D1&refresh_token=5Aep.secret",
  ],
  [
    "refresh token without a secret",
    () => refreshToken({ clientId: "key", refreshToken: "5Aep" }),
    "grant_type=refresh_token&client_id=key&refresh_token=5Aep",
  ],
]) {
  test(`${name}: one form to the token endpoint`, async () => {
    const { fetch, requests } = fakeFetch(() => granted());
    const { accessToken: given, instanceUrl, url } = await get(auth()).get(request(fetch));
    assert.deepEqual([given, instanceUrl, url], ["00D!token", INSTANCE, `${INSTANCE}/cometd/67.0`]);
    const [{ signal, ...sent }, ...others] = requests;
    assert.ok(signal instanceof AbortSignal);
    assert.deepEqual(sent, {
      url: `${INSTANCE}/services/oauth2/token`,
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
      body: form,
      redirect: "manual",
    });
    assert.equal(others.length, 0);
  });
}

test("s10 a refusal is final and has the server's words; trouble on the way is retried", async () => {
  const refused = { error: "invalid_grant", error_description: "authentication failure" };
  const answers = [
    () => Response.json(refused, { status: 400 }),
    () => Response.json({ error: "server_error" }, { status: 500 }),
    () => Promise.reject(new TypeError("socket hang up")),
    () => new Response("x".repeat(300 * 1024)),
  ];
  const { fetch } = fakeFetch(...answers);
  const tokens = get(password({ ...app, ...user }));
  const error = await rejection(tokens.get(request(fetch)));
  assert.deepEqual([error.code, error.retryable, error.status], ["login-refused", false, 400]);
  assert.deepEqual(error.oauth, { error: "invalid_grant", description: "authentication failure" });
  for (const said of [/server_error/, /acme\.my\.salesforce\.com.*socket hang up/, /too long/]) {
    const retried = await rejection(tokens.get(request(fetch)));
    assert.deepEqual([retried.code, retried.retryable], ["login-failed", true]);
    assert.match(retried.message, said);
    assert.doesNotMatch(inspect(retried), /secret|pass|key/);
  }
});

test("a login is given up with the client", async () => {
  const controller = new AbortController();
  let sent;
  const fetch = (_, { signal }) =>
    new Promise((_resolve, reject) => {
      sent = signal;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const pending = get(clientCredentials(app)).get(request(fetch, { signal: controller.signal }));
  await until(() => sent);
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await rejection(pending), reason);
  assert.equal(sent.aborted, true);
});

test("a rotated refresh token takes the place of the old one, and is handed over first", async () => {
  const { fetch, requests } = fakeFetch(
    () => granted({ refresh_token: "second" }),
    () => granted(),
    () => granted({ refresh_token: "third" }),
  );
  const kept = [];
  let keep;
  const onRefreshToken = (token) => {
    kept.push(token);
    return new Promise((resolve) => (keep = resolve));
  };
  const tokens = get(refreshToken({ clientId: "key", refreshToken: "first", onRefreshToken }));
  const pending = tokens.get(request(fetch));
  await until(() => keep);
  assert.equal(await isSettled(pending), false);
  keep();
  assert.deepEqual(Object.keys(await pending).sort(), ["accessToken", "apiVersion", "instanceUrl", "url"]);
  await tokens.get(request(fetch));
  assert.deepEqual(kept, ["second"], "the same one is not handed over again");
  keep = undefined;
  const third = tokens.get(request(fetch));
  await until(() => keep);
  keep();
  await third;
  assert.deepEqual(kept, ["second", "third"]);
  const sent = requests.map(({ body }) => new URLSearchParams(body).get("refresh_token"));
  assert.deepEqual(sent, ["first", "second", "second"]);
});

test("a refresh token that could not be kept is handed over again", async () => {
  const { fetch } = fakeFetch(
    () => granted({ refresh_token: "second" }),
    () => granted(),
  );
  const kept = [];
  const onRefreshToken = (token) => {
    kept.push(token);
    if (kept.length === 1) throw new Error("disk full");
  };
  const tokens = get(refreshToken({ clientId: "key", refreshToken: "first", onRefreshToken }));
  const error = await rejection(tokens.get(request(fetch)));
  assert.deepEqual([error.code, error.retryable], ["login-failed", true]);
  assert.match(error.message, /onRefreshToken.*disk full/);
  await tokens.get(request(fetch));
  assert.deepEqual(kept, ["second", "second"]);
});

test("s10 a fixed token that is refused ends the client, and says what to do", async () => {
  const tokens = get(accessToken({ accessToken: "00D!secret", instanceUrl: INSTANCE }));
  assert.equal((await tokens.get(request())).accessToken, "00D!secret");
  const error = await rejection(tokens.get(request(undefined, { refused: true })));
  assert.deepEqual([error.code, error.retryable], ["login-refused", false]);
  assert.match(error.message, /function/);
  assert.doesNotMatch(inspect(error), /secret/);
});

test("a function is asked each time", async () => {
  const asked = [];
  const given = accessToken(({ refused }) => {
    asked.push(refused);
    return { accessToken: `00D!${asked.length}`, instanceUrl: INSTANCE };
  });
  const tokens = get(given);
  assert.equal((await tokens.get(request())).accessToken, "00D!1");
  assert.equal((await tokens.get(request(undefined, { refused: true }))).accessToken, "00D!2");
  assert.deepEqual(asked, [false, true]);
});

test("x2 what makes no sense is named, and not repeated", () => {
  for (const [name, make] of [
    ["password:", () => password()],
    ["password: clientId", () => password({ ...app, ...user, clientId: "" })],
    ["password: username", () => password({ ...app, password: "secret" })],
    ["password: securityToken", () => password({ ...app, ...user, securityToken: ["secret"] })],
    ["clientCredentials: clientSecret", () => clientCredentials({ clientId: "secret" })],
    ["refreshToken: refreshToken", () => refreshToken({ ...app })],
    ["refreshToken: clientSecret", () => refreshToken({ ...refreshing, clientSecret: null })],
    ["refreshToken: onRefreshToken", () => refreshToken({ ...refreshing, onRefreshToken: "secret" })],
    ["accessToken:", () => accessToken("00D!secret")],
    ["accessToken: instanceUrl", () => accessToken({ accessToken: "00D!secret" })],
  ]) {
    assert.throws(make, (error) => {
      assert.equal(error.code, "invalid-argument");
      assert.ok(error.message.startsWith(name), error.message);
      assert.doesNotMatch(error.message, /secret\b/);
      return true;
    });
  }
});

test("x2 nothing secret shows when a way to log in is printed", () => {
  const all = [
    password({ ...app, ...user }),
    clientCredentials(app),
    refreshToken(refreshing),
    accessToken({ accessToken: "00D!secret", instanceUrl: INSTANCE }),
  ];
  const shown = inspect(all, { showHidden: true, depth: 9 }) + JSON.stringify(all);
  assert.doesNotMatch(shown, /secret|pass%|5Aep|00D/);
});

test("the ways to log in say so where they do not belong, but a token is a token", async () => {
  const misplaced = clientCredentials(app);
  const world = fakeLoader();
  const connecting = connectWith(world.loader, { url: "https://localhost/cometd", auth: misplaced });
  connecting.catch(() => {});
  await until(() => world.engine);
  world.engine.host.authenticate(false);
  const told = () => world.engine.calls.find(([name]) => name === "tokenFailed");
  await until(told);
  assert.match(told()[1], /connectSalesforce/);
  assert.equal(told()[2], false);
});
