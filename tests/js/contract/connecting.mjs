import { equal, ok, refuses, rejection, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { deferred, follow, reader, watch } from "./tools.mjs";

test("connect resolves with a client that is connected or about to be, and close ends it", async (t) => {
  const client = await t.client();
  ok(["handshaking", "connected"].includes(client.state), `state is ${client.state}`);
  await client.close();
  equal(client.state, "closed");
  equal(await client.closed, undefined);
});

test("connect takes a URL object as well as text", async (t) => {
  const { url } = await t.line();
  const client = await t.client({ url: new URL(url) });
  await client.subscribe(t.channel());
});

test("status names the states up to closed, and ends with the client", async (t) => {
  const client = await t.client();
  const { seen, ended } = follow(client.status());
  await client.subscribe(t.channel());
  await client.close();
  equal((await ended).error, undefined);
  const states = seen.filter(({ type }) => type === "state").map(({ state }) => state);
  equal(states.at(-1), "closed", `last of ${states}`);
});

test("an aborted signal keeps connect from sending anything", async (t) => {
  const reason = new Error("never mind");
  let requests = 0;
  const fetch = () => {
    requests += 1;
    return Promise.reject(new Error("no network here"));
  };
  const connecting = t.connect({ url: "http://127.0.0.1:9/cometd", signal: AbortSignal.abort(reason), fetch });
  equal(await rejection(connecting), reason);
  equal(requests, 0);
});

test("abort during connect rejects with the reason and aborts the request", async (t) => {
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  const aborted = deferred();
  // Never answers, as a server that hangs.
  const fetch = (_url, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.resolve();
        reject(signal.reason);
      });
      controller.abort(reason);
    });
  const connecting = t.connect({ url: "http://127.0.0.1:9/cometd", signal: controller.signal, fetch });
  equal(await rejection(connecting), reason);
  await aborted.promise;
});

test("abort while connect waits for its next attempt rejects at once", async (t) => {
  const reason = new Error("no more patience");
  const controller = new AbortController();
  let requests = 0;
  const fetch = () => {
    requests += 1;
    // The first retry comes at once, the next one in an hour: the abort falls into that wait.
    if (requests === 2) setTimeout(() => controller.abort(reason));
    return Promise.reject(new TypeError("no route"));
  };
  const retry = { initialDelayMs: 3_600_000, maxDelayMs: 3_600_000 };
  const connecting = t.connect({ url: "http://127.0.0.1:9/cometd", signal: controller.signal, fetch, retry });
  equal(await rejection(connecting), reason);
  equal(requests, 2);
});

test("a network that is not there ends connect after maxRetries", async (t) => {
  let requests = 0;
  const fetch = () => {
    requests += 1;
    return Promise.reject(new TypeError("no route"));
  };
  const connecting = t.connect({
    url: "http://127.0.0.1:9/cometd",
    fetch,
    retry: t.retry({ initialDelayMs: 1, maxDelayMs: 2, maxRetries: 3 }),
  });
  const error = await refuses(connecting, t.CometdError, ["max-retries", "network"]);
  equal(error.retryable, true, "retryable");
  ok(requests >= 3 && requests <= 4, `${requests} requests for 3 retries`);
});

test("a fetch that throws instead of rejecting counts as a network failure", async (t) => {
  const fetch = () => {
    throw new TypeError("thrown on the spot");
  };
  const options = { url: "http://127.0.0.1:9/cometd", fetch, retry: t.retry({ maxRetries: 1 }) };
  await refuses(t.connect(options), t.CometdError, ["max-retries", "network"]);
});

test("a fetch that gives no web Response is refused at once, by name", async (t) => {
  const headers = new Headers();
  for (const given of [undefined, "[]", {}, { status: 200, headers, body: { pipe() {}, on() {} } }]) {
    let requests = 0;
    const fetch = async () => {
      requests += 1;
      return given;
    };
    const error = await refuses(
      t.connect({ url: "http://127.0.0.1:9/cometd", fetch, retry: t.retry() }),
      t.CometdError,
      "not-a-response",
    );
    equal(error.retryable, false, "retryable");
    ok(/web ReadableStream.*node-fetch/.test(error.message), error.message);
    equal(requests, 1);
  }
});

test("a fetch that gives no Response now and then is retried like any failure", async (t) => {
  let broken = false;
  const fetch = async (url, init) => {
    if (!broken || !init.body.includes("/meta/connect")) return globalThis.fetch(url, init);
    broken = false;
    return undefined;
  };
  const client = await t.client({ fetch });
  const retried = watch(client.status()).for("retry");
  const events = reader(await client.subscribe(t.channel()));
  broken = true;
  await t.publish(t.channel(), "and the next poll breaks");
  equal((await events.next()).value.data, "and the next poll breaks");
  equal((await retried).error.code, "not-a-response");
  await t.publish(t.channel(), "still here");
  equal((await events.next()).value.data, "still here");
});

test("fetch may be given as a function or as an object with such a method", async (t) => {
  const asked = [];
  const wrapper = (url, init) => {
    asked.push(url);
    return globalThis.fetch(url, init);
  };
  for (const fetch of [wrapper, { fetch: wrapper }]) {
    asked.length = 0;
    const client = await t.client({ fetch });
    const events = (await client.subscribe(t.channel()))[Symbol.asyncIterator]();
    await t.publish(t.channel(), { via: "fetch" });
    same((await events.next()).value.data, { via: "fetch" });
    ok(asked.length >= 3, `${asked.length} requests went through it`);
  }
});

test("headers travel with every request", { needs: ["own-cookies"] }, async (t) => {
  const seen = [];
  const fetch = (url, init) => {
    seen.push(new Headers(init.headers).get("x-tried"));
    return globalThis.fetch(url, init);
  };
  const client = await t.client({ fetch, headers: { "X-Tried": "yes" } });
  await client.subscribe(t.channel());
  ok(seen.length >= 2 && seen.every((value) => value === "yes"), `seen: ${seen}`);
});

test("headers may come from a function, which is asked for each request", { needs: ["own-cookies"] }, async (t) => {
  const seen = [];
  const fetch = (url, init) => {
    seen.push(new Headers(init.headers).get("x-number"));
    return globalThis.fetch(url, init);
  };
  let count = 0;
  const headers = () => {
    const given = { "X-Number": String((count += 1)) };
    return count % 2 ? given : Promise.resolve(given);
  };
  const client = await t.client({ fetch, headers });
  await client.subscribe(t.channel());
  await client.close();
  ok(seen.length >= 4, `${seen.length} requests`);
  equal(new Set(seen).size, seen.length, `each has its own: ${seen}`);
  ok(
    seen.every((value) => /^[1-9][0-9]*$/.test(value)),
    `seen: ${seen}`,
  );
});

test("headers that cannot be had are a failed attempt, and the next one succeeds", async (t) => {
  const why = new Error("the vault is closed");
  const answers = [() => Promise.reject(why), () => ({ "x-key": "secret\nx-evil: 1" }), () => new Promise(() => {})];
  let fails = false;
  const headers = () => (fails ? (answers.shift() ?? (() => ({})))() : {});
  // Long enough for what answers, and short for what never does.
  const client = await t.client({ headers, networkDelayMs: 1_500 });
  const seen = watch(client.status());
  fails = true;
  const accepted = client.subscribe(t.channel());
  const failed = (words) =>
    seen.for("retry", ({ error }) => error.code === "headers-failed" && error.message.includes(words));
  equal((await failed("the vault is closed")).error.cause, why, "the cause");
  const { error } = await failed("x-key");
  ok(error.retryable && !error.message.includes("secret"), error.message);
  await failed("no answer within 1500 ms");
  await accepted;
  equal(client.state === "closed", false, "closed");
});

test("close() does not wait for a function that hangs", async (t) => {
  let hangs = false;
  const client = await t.client({ headers: () => (hangs ? new Promise(() => {}) : {}) });
  await client.subscribe(t.channel());
  hangs = true;
  const publishing = refuses(client.publish(t.channel(), 1), t.CometdError, "closed");
  await client.close();
  await publishing;
});

test("a client whose function hangs is aborted", async (t) => {
  const controller = new AbortController();
  const headers = () => {
    controller.abort(new Error("enough"));
    return new Promise(() => {});
  };
  const error = await t.client({ headers, signal: controller.signal }).catch((thrown) => thrown);
  equal(error.message, "enough", "the reason");
});

const COOKIES = { needs: ["sandbox", "own-cookies"] };

test("a cookie that the server sets takes the place of the caller's", COOKIES, async (t) => {
  const mine = "BAYEUX_BROWSER=mine; SID=a";
  for (const options of [
    { cookies: mine },
    { headers: { Cookie: mine } },
    { headers: async () => ({ cookie: mine }) },
  ]) {
    const client = await t.client(options);
    await client.subscribe(t.channel());
    await client.close();
    const { lastRequests } = await t.world.stats();
    const first = lastRequests.findLastIndex(({ kinds }) => kinds.includes("handshake"));
    const [handshake, ...others] = lastRequests.slice(first).map(({ cookie }) => cookie);
    equal(handshake, mine, "with the handshake");
    ok(others.length >= 3, `${others.length} other requests`);
    for (const cookie of others) {
      ok(/(^|; )SID=a(;|$)/.test(cookie) && /(^|; )BAYEUX_BROWSER=!/.test(cookie), `sent: ${cookie}`);
      ok(!cookie.includes("mine"), `sent: ${cookie}`);
    }
  }
});

test("cookies that are none are refused before anything is sent", { needs: ["own-cookies"] }, async (t) => {
  const error = await refuses(t.client({ cookies: "secret" }), t.CometdError, "invalid-argument");
  ok(error.message.startsWith("cookies") && !error.message.includes("secret"), error.message);
});

test("a page gives no cookies, which the browser keeps", { needs: ["page"] }, async (t) => {
  for (const options of [{ cookies: "a=secret" }, { headers: { Cookie: "a=secret" } }]) {
    const { message } = await refuses(t.client(options), t.CometdError, "invalid-argument");
    ok(message.startsWith(Object.keys(options)[0]) && !message.includes("secret"), message);
  }
  const retry = { maxRetries: 0 };
  const error = await refuses(
    t.client({ headers: () => ({ Cookie: "a=secret" }), retry }),
    t.CometdError,
    "headers-failed",
  );
  ok(error.message.includes("Cookie") && !error.message.includes("secret"), error.message);
});

test("an extension sees the handshake and can add to it", async (t) => {
  const outgoing = [];
  const incoming = [];
  const extension = {
    name: "notary",
    outgoing(message) {
      outgoing.push(message.channel);
      if (message.channel === "/meta/handshake") message.ext = { ...message.ext, notary: true };
    },
    incoming(message) {
      incoming.push(message.channel);
    },
  };
  const client = await t.client({ extensions: [extension] });
  const events = (await client.subscribe(t.channel()))[Symbol.asyncIterator]();
  await t.publish(t.channel(), 1);
  await events.next();
  for (const seen of [outgoing, incoming]) {
    equal(seen[0], "/meta/handshake");
    ok(seen.includes("/meta/subscribe"), "saw the subscribe");
    ok(!seen.includes(t.channel()), "did not ask for events");
  }
});

test("callbacks that throw are reported and change nothing", async (t) => {
  const thrown = () => {
    throw new Error("a bug of the application");
  };
  const client = await t.client({ log: thrown, extensions: [{ name: "clumsy", outgoing: thrown, incoming: thrown }] });
  const status = watch(client.status());
  const events = (await client.subscribe(t.channel()))[Symbol.asyncIterator]();
  await t.publish(t.channel(), "all the same");
  equal((await events.next()).value.data, "all the same");
  const { error } = await status.for("callback-failed");
  equal(error.message, "a bug of the application");
});
