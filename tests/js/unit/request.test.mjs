// client.request(): REST calls with the client's token.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, isSettled, rejection, turns, until } from "./fake.mjs";

const HOST = "https://one.example";

/** A client whose `fetch` gives these answers in turn, or what a function makes of the call. */
async function calling(answers = [], { instances = [HOST], ...options } = {}) {
  const calls = [];
  const fetch = async (address, init) => {
    calls.push({ address, init, token: new Headers(init.headers).get("authorization") });
    const answer = answers.shift() ?? 200;
    if (typeof answer === "function") return answer(init);
    return new Response(answer === 204 ? null : JSON.stringify({ answer }), { status: answer });
  };
  let n = 0;
  const get = async () => {
    const instanceUrl = instances[Math.min(n, instances.length - 1)];
    n += 1;
    return { accessToken: `T${n}`, instanceUrl, url: `${instanceUrl}/cometd` };
  };
  const world = fakeLoader();
  const source = { salesforce: false, allowedHosts: [], get };
  const connecting = connectWith(world.loader, { url: `${HOST}/cometd`, fetch, ...options }, source);
  await until(() => world.engine);
  const { engine } = world;
  engine.host.authenticate(false);
  await turns();
  engine.settle(0);
  return { client: await connecting, engine, calls, world };
}

const renew = (engine) => engine.host.authenticate(true);

test("a request goes to the instance with the token, and is not redirected", async () => {
  const { client, calls } = await calling();
  const response = await client.request("/services/data/v67.0/limits");
  assert.deepEqual(await response.json(), { answer: 200 });
  const [{ address, init, token }] = calls;
  assert.equal(address, `${HOST}/services/data/v67.0/limits`);
  assert.equal(token, "Bearer T1");
  assert.equal(init.redirect, "manual");
});

test("method, body and headers of every kind are kept", async () => {
  const { client, calls } = await calling();
  const kinds = [{ "X-A": "1" }, [["X-A", "1"]], new Headers({ "X-A": "1" })];
  for (const headers of kinds) {
    const given = { method: "PATCH", body: "{}", headers, redirect: "follow" };
    await client.request("/x", given);
    const { init, token } = calls.at(-1);
    assert.deepEqual([init.method, init.body, init.redirect], ["PATCH", "{}", "manual"]);
    assert.deepEqual([new Headers(init.headers).get("x-a"), token], ["1", "Bearer T1"]);
    assert.equal(new Headers(given.headers).has("authorization"), false, "what was given is not changed");
  }
});

test("paths resolve below the instance", async () => {
  const instance = "https://proxy.example/sf";
  const { client, calls } = await calling([], { instances: [instance] });
  for (const [path, address] of [
    ["/a?q=1#part", "/a?q=1"],
    ["a/b", "/a/b"],
    ["?q", "/?q"],
    ["", "/"],
    [`${instance}/a`, "/a"],
    ["/a/../b", "/b"],
    ["https://me:secret@proxy.example/sf/a", "/a"],
  ]) {
    await client.request(path);
    assert.equal(calls.at(-1).address, instance + address, path);
  }
});

test("X1 nothing is sent to another place, and nothing that makes no sense", async () => {
  const { client, calls } = await calling([], { instances: ["https://one.example/sf"] });
  for (const [start, ...args] of [
    ["path:", "https://evil.example/"],
    ["path:", "//evil.example/a"],
    ["path:", "\\\\evil.example/a"],
    ["path:", "http://one.example/sf/a"],
    ["path:", "https://one.example:444/sf/a"],
    ["path:", "https://one.example/elsewhere"],
    ["path:", "https://one.example.evil.example/sf/"],
    ["path:", "/../elsewhere"],
    ["path:", "https://["],
    ["path:", "data:,x"],
    ["init:", "/a", null],
    ["init.headers:", "/a", { headers: { Authorization: "Bearer mine" } }],
    ["init.headers:", "/a", { headers: { "a b": "c" } }],
  ]) {
    const error = await rejection(client.request(...args));
    assert.ok(error instanceof CometdError, String(error));
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith(start), error.message);
    assert.ok(!error.message.includes("mine"));
  }
  assert.deepEqual(calls, []);
});

test("without auth it says what to do", async () => {
  const { client } = await connected();
  const error = await rejection(client.request("/a"));
  assert.equal(error.code, "invalid-argument");
  assert.match(error.message, /`auth`/);
});

test("S10 after a 401 the engine hears of it, and the request is sent once more with the next token", async () => {
  let cancelled = false;
  const refuse = () => new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), { status: 401 });
  const { client, engine, calls } = await calling([refuse]);
  const requesting = client.request("/a", { method: "POST", body: "x" });
  await turns();
  assert.deepEqual(engine.told("refused"), [[1]]);
  assert.equal(await isSettled(requesting), false);
  assert.equal(cancelled, false, "it may be the answer yet");
  renew(engine);
  assert.equal((await requesting).status, 200);
  assert.equal(cancelled, true);
  assert.deepEqual(
    calls.map(({ token, init }) => [token, init.body]),
    [
      ["Bearer T1", "x"],
      ["Bearer T2", "x"],
    ],
  );
});

test("S10 one new token serves all that wait, also at another instance", async () => {
  const instances = [HOST, "https://two.example"];
  const { client, engine, calls } = await calling([401, 401, 401], { instances });
  const requesting = [client.request("/a"), client.request("b"), client.request(`${HOST}/c`)];
  await turns();
  renew(engine);
  for (const { status } of await Promise.all(requesting)) assert.equal(status, 200);
  assert.deepEqual(
    calls
      .slice(3)
      .map(({ address, token }) => `${address} ${token}`)
      .sort(),
    ["https://two.example/a Bearer T2", "https://two.example/b Bearer T2", "https://two.example/c Bearer T2"],
  );
});

test("S10a where there is no other token for now, the 401 is the answer of each that waits", async () => {
  const { client, engine, calls } = await calling([401, 401, 401, 200]);
  const requesting = [client.request("/a"), client.request("/b")];
  await turns();
  assert.deepEqual(engine.told("refused"), [[1], [1]]);
  engine.host.noToken();
  for (const response of await Promise.all(requesting)) {
    assert.deepEqual([response.status, await response.json()], [401, { answer: 401 }]);
  }
  assert.equal(calls.length, 2);
  // The next one may have more luck.
  const again = client.request("/a");
  await turns();
  assert.deepEqual(engine.told("refused"), [[1], [1], [1]]);
  renew(engine);
  assert.equal((await again).status, 200);
});

test("S10 a 401 for a token that was replaced meanwhile waits for no further one", async () => {
  let answer;
  const { client, engine, calls } = await calling([() => new Promise((resolve) => (answer = resolve))]);
  const requesting = client.request("/a");
  await turns();
  renew(engine);
  await turns();
  answer(new Response("", { status: 401 }));
  assert.equal((await requesting).status, 200);
  assert.deepEqual(engine.told("refused"), [[1]]);
  assert.equal(calls[1].token, "Bearer T2");
});

test("a second 401 is the answer, and is not held against the new token", async () => {
  const { client, engine, calls } = await calling([401, 401]);
  const requesting = client.request("/a");
  await turns();
  renew(engine);
  const response = await requesting;
  assert.deepEqual([response.status, await response.json()], [401, { answer: 401 }]);
  assert.equal(calls.length, 2);
  assert.deepEqual(engine.told("refused"), [[1]]);
});

test("a body that is a stream is not sent again", async () => {
  const { client, engine, calls } = await calling([401, 401]);
  const bodies = [
    new ReadableStream(),
    (async function* chunks() {
      yield new Uint8Array(1);
    })(),
  ];
  for (const body of bodies) {
    const response = await client.request("/a", { method: "POST", body, duplex: "half" });
    assert.deepEqual([response.status, await response.json()], [401, { answer: 401 }]);
    assert.equal(calls.at(-1).init.duplex, "half");
  }
  assert.deepEqual(engine.told("refused"), [[1], [1]]);
  assert.equal(calls.length, 2);
});

test("X1 a redirect is an error, other statuses are answers", async () => {
  const opaque = { status: 0, type: "opaqueredirect", body: null };
  for (const answer of [301, 302, 303, 307, 308, () => opaque]) {
    const { client, calls } = await calling([answer]);
    const error = await rejection(client.request("/a"));
    assert.ok(error instanceof CometdError);
    assert.deepEqual([error.code, error.status], ["redirect", typeof answer === "number" ? answer : 0]);
    assert.equal(calls.length, 1);
  }
  for (const answer of [204, 300, 304, 400, 403, 404, 500, 503]) {
    const { client } = await calling([() => new Response(null, { status: answer })]);
    assert.equal((await client.request("/a")).status, answer);
  }
});

test("a failure on the way is a CometdError with its cause", async () => {
  const cause = new TypeError("no route");
  for (const answer of [() => Promise.reject(cause), () => undefined, () => null]) {
    const { client } = await calling([answer]);
    const error = await rejection(client.request("/a"));
    assert.ok(error instanceof CometdError);
    assert.deepEqual([error.code, error.retryable], ["network", true]);
    assert.ok(error.cause instanceof TypeError);
    assert.ok(!error.message.includes("T1"));
  }
});

const hanging = (seen) => (init) =>
  new Promise((_, reject) => {
    seen.signal = init.signal;
    init.signal.addEventListener("abort", () => reject(init.signal.reason));
  });

test("the caller's signal ends it: before, in flight, while it waits for a token, and in the body", async () => {
  const reason = new Error("never mind");
  const before = await calling();
  const signal = AbortSignal.abort(reason);
  assert.equal(await rejection(before.client.request("/a", { signal })), reason);
  assert.deepEqual(before.calls, []);

  const seen = {};
  for (const answer of [hanging(seen), 401]) {
    const controller = new AbortController();
    const { client } = await calling([answer]);
    const requesting = client.request("/a", { signal: controller.signal });
    await turns();
    controller.abort(reason);
    assert.equal(await rejection(requesting), reason);
  }
  assert.equal(seen.signal.reason, reason);

  const controller = new AbortController();
  let given;
  const { client } = await calling([(init) => ((given = init.signal), new Response("[]"))]);
  await client.request("/a", { signal: controller.signal });
  assert.equal(given.aborted, false);
  controller.abort(reason);
  assert.equal(given.aborted, true);
});

test("the end of the client ends it, in flight and while it waits for a token", async () => {
  const reason = new Error("the user left");
  const ends = [
    [({ client }) => void client.close(), (error) => error.code === "closed"],
    [
      ({ engine }) => engine.host.closed({ code: "server-ended", message: "over", retryable: false }),
      (error) => error.code === "closed" && error.cause.code === "server-ended",
    ],
    [({ controller }) => controller.abort(reason), (error) => error === reason],
    [({ world }) => world.onTrap(new WebAssembly.RuntimeError("trap")), (error) => error.code === "instance-lost"],
  ];
  for (const [end, check] of ends) {
    const seen = {};
    for (const answer of [hanging(seen), () => new Promise(() => {}), 401]) {
      const controller = new AbortController();
      const found = await calling([answer], { signal: controller.signal });
      const requesting = found.client.request("/a");
      requesting.catch(() => {});
      await turns();
      end({ ...found, controller });
      const error = await rejection(requesting);
      assert.ok(check(error), String(error));
      assert.equal((await rejection(found.client.request("/a"))).code, "closed", "and afterwards");
    }
    assert.equal(seen.signal.aborted, true);
  }
});

test("an answer can be read after the client is closed", async () => {
  let given;
  const { client } = await calling([(init) => ((given = init.signal), new Response("[1]"))]);
  const response = await client.request("/a");
  client.close();
  assert.equal(given.aborted, false);
  assert.deepEqual(await response.json(), [1]);
});

test("a login that is refused while it waits ends it with the login's error as the cause", async () => {
  const refusal = new CometdError("login-refused", "no");
  const { client, engine } = await calling([401]);
  const requesting = client.request("/a");
  await turns();
  engine.host.closed({ code: "login-refused", message: "no", retryable: false });
  const error = await rejection(requesting);
  assert.deepEqual([error.code, error.cause.code], ["closed", refusal.code]);
});

test("without a fetch of the caller's, answers are true responses, whatever the loader's transport gives", async (t) => {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    response.end(JSON.stringify([request.method, request.url, request.headers.authorization, body]));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const instance = `http://127.0.0.1:${server.address().port}`;
  const { client } = await calling([], { fetch: undefined, url: `${instance}/cometd`, instances: [instance] });
  for (const init of [
    {},
    { method: "POST", body: "é" },
    { method: "PUT", body: new Blob(["x"]) },
    { method: "DELETE" },
  ]) {
    const response = await client.request("/a?b", init);
    assert.ok(response instanceof Response);
    const body = init.body instanceof Blob ? "x" : (init.body ?? "");
    assert.deepEqual(await response.json(), [init.method ?? "GET", "/a?b", "Bearer T1", body]);
  }
});
