// REST calls with the client's token: nowhere else, and with a new token where the old one is refused.

import { equal, ok, same } from "./assert.mjs";
import { comes, HELD, ORDERS, orgTest } from "./salesforce-org.mjs";

const LIMITS = "/services/data/v67.0/limits";
const RECORDS = "/services/data/v67.0/sobjects/Order__e";
const JSON_BODY = { "content-type": "application/json" };

orgTest("request() takes a path, a relative one and an address of the instance", async (org) => {
  const { client } = await org.connect();
  const addresses = [LIMITS, LIMITS.slice(1), `${client.instanceUrl}${LIMITS}`, `${LIMITS}?a=b#fragment`];
  for (const address of addresses) {
    const response = await client.request(address);
    equal(response.status, 200, `status of ${address}`);
    ok((await response.json()).DailyApiRequests.Max > 0, "the answer");
  }
});

orgTest("request() refuses what leads away from the instance, and sends nothing", async (org) => {
  const { client } = await org.connect();
  const before = (await org.world.stats()).restCalls;
  for (const path of [
    "https://example.com/services/data",
    "//example.com/services/data",
    "\\\\example.com/services/data",
    "http://127.0.0.1:9/services/data",
    "https://example.my.salesforce.com/services/data",
    "data:text/plain,hello",
    "../../../elsewhere",
    `${client.instanceUrl}.example.com/services/data`,
  ]) {
    await org.refuses(client.request(path), "invalid-argument", path);
  }
  equal((await org.world.stats()).restCalls, before, "calls");
});

orgTest("request() refuses an Authorization header of the caller's", async (org) => {
  const { client } = await org.connect();
  for (const headers of [
    { Authorization: "Bearer mine" },
    [["AUTHORIZATION", "x"]],
    new Headers({ authorization: "x" }),
  ]) {
    const error = await org.refuses(client.request(LIMITS, { headers }), "invalid-argument", "a header");
    ok(!error.message.includes("mine"), error.message);
  }
  equal((await org.world.stats()).restCalls, 0, "calls");
});

orgTest("request() gives other answers as they are", async (org) => {
  const { client } = await org.connect();
  const missing = await client.request("/services/data/v67.0/nothing");
  equal(missing.status, 404, "status");
  equal((await missing.json())[0].errorCode, "NOT_FOUND", "errorCode");
  await org.world.fault({ on: "rest", kind: "status", status: 503, body: "busy" });
  const busy = await client.request(LIMITS);
  equal(`${busy.status} ${await busy.text()}`, "503 busy", "answer");
  equal((await org.world.stats()).logins.password, 1, "logins");
});

orgTest("request() sends a body again with a new token, once", { config: HELD }, async (org) => {
  const { client, events } = await org.following();
  await org.world.expireTokens(false);
  const response = await client.request(RECORDS, { method: "POST", headers: JSON_BODY, body: '{"n":1}' });
  equal(response.status, 201, "status");
  await comes(events, 1, 1);
  const { logins, published } = await org.world.stats();
  same([logins.password, published[ORDERS]], [2, 1], "logins and events");
});

orgTest("request() gives the answer where the new token is refused, too", { config: HELD }, async (org) => {
  const { client } = await org.connect();
  await org.world.fault({ on: "rest", kind: "status", status: 401, body: "no", times: 2 });
  const response = await client.request(LIMITS);
  equal(`${response.status} ${await response.text()}`, "401 no", "answer");
  equal((await org.world.stats()).faultsWaiting, 0, "attempts left");
});

orgTest("request() does not send a stream twice, but gets a new token", { config: HELD }, async (org) => {
  const { client, status } = await org.connect();
  await org.world.expireTokens(false);
  const body = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"n":1}'));
        controller.close();
      },
    });
  const init = () => ({ method: "POST", headers: JSON_BODY, body: body(), duplex: "half" });
  const sent = org.tell(client.request(RECORDS, init()));
  const first = await sent.catch((error) => error);
  // Browsers stream request bodies over HTTP/2 only.
  if (first instanceof org.CometdError && !org.t.has("own-cookies")) return equal(first.code, "network", "code");
  equal(first.status, 401, "status");
  await status.for("reauthenticated");
  equal((await client.request(RECORDS, init())).status, 201, "status with the new token");
  same((await org.world.stats()).published, { [ORDERS]: 1 }, "published");
});

orgTest("request() does not follow a redirect", async (org) => {
  const { client } = await org.connect();
  await org.world.fault({ on: "rest", kind: "redirect", location: LIMITS });
  const error = await org.refuses(client.request(LIMITS), "redirect", "request");
  equal(error.retryable, false, "retryable");
  equal((await org.world.stats()).restCalls, 0, "calls that arrived");
});

// Hosts may repeat by themselves what was lost on a connection that was used before.
orgTest(
  "request() that fails on the way says so, and is not sent twice",
  { config: { keepAlive: false } },
  async (org) => {
    const { client, events } = await org.following();
    await org.world.fault({ on: "rest", kind: "cut-before-head", process: true });
    const init = { method: "POST", headers: JSON_BODY, body: '{"n":1}' };
    const error = await org.refuses(client.request(RECORDS, init), "network", "request");
    equal(error.retryable, true, "retryable");
    await comes(events, 1, 1);
    equal((await org.world.stats()).published[ORDERS], 1, "published");
  },
);

orgTest("request() ends with its signal, and with the client", async (org) => {
  const { client } = await org.connect();
  await org.world.fault({ on: "rest", kind: "hang", times: 2 });
  const controller = new AbortController();
  const reason = new Error("too slow");
  const aborted = client.request(LIMITS, { signal: controller.signal }).catch((error) => error);
  await org.world.until(({ faultsWaiting }) => faultsWaiting === 1);
  controller.abort(reason);
  equal(await aborted, reason, "reason");
  const closed = org.refuses(client.request(LIMITS), "closed", "a request that hangs");
  await org.struck();
  await client.close();
  await closed;
});

orgTest("request() after close() is refused", async (org) => {
  const { client } = await org.connect();
  await client.close();
  await org.refuses(client.request(LIMITS), "closed", "request");
  equal((await org.world.stats()).restCalls, 0, "calls");
});
