// The transport of the node entry, against servers of node:http and of raw sockets.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { dist } from "./fake.mjs";

const { nodeTransport } = await import(new URL("load/node-transport.js", dist).href);

/** Listens for the time of a test, and returns the address. */
async function listen(t, server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

function deferred() {
  let resolve;
  const promise = new Promise((fulfil) => (resolve = fulfil));
  return { promise, resolve };
}

const serve = (t, handler) => listen(t, createServer(handler));

async function textOf(response) {
  const reader = response.body.getReader();
  const chunks = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value);
  return Buffer.concat(chunks).toString();
}

async function echo(request, response) {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  response.end(JSON.stringify({ method: request.method, headers: request.headers, body }));
}

test("method, headers and body arrive, with the length in bytes", async (t) => {
  const url = await serve(t, echo);
  for (const headers of [
    { "content-type": "application/json", cookie: "a=1; b=2" },
    [
      ["content-type", "application/json"],
      ["cookie", "a=1; b=2"],
    ],
    new Headers({ "content-type": "application/json", cookie: "a=1; b=2" }),
  ]) {
    const response = await nodeTransport(url, { method: "POST", headers, body: '["é"]' });
    assert.equal(response.status, 200);
    assert.equal(response.type, "basic");
    const seen = JSON.parse(await textOf(response));
    assert.equal(seen.method, "POST");
    assert.equal(seen.body, '["é"]');
    assert.equal(seen.headers["content-length"], "6");
    assert.equal(seen.headers["content-type"], "application/json");
    assert.equal(seen.headers.cookie, "a=1; b=2");
    assert.equal(seen.headers.expect, undefined);
    assert.equal(seen.headers["accept-encoding"], undefined);
    assert.equal(seen.headers["transfer-encoding"], undefined);
  }
});

test("it sends what any fetch sends, unless it is given in whatever case", async (t) => {
  const url = await serve(t, echo);
  const seen = async (headers) => JSON.parse(await textOf(await nodeTransport(url, { headers }))).headers;
  const { accept, "user-agent": agent, "accept-encoding": encoding } = await seen();
  assert.equal(accept, "*/*");
  assert.equal(agent, "node");
  assert.equal(encoding, undefined, "compression is not asked for");
  for (const headers of [
    { ACCEPT: "application/json", "User-Agent": "orders/1.0" },
    new Headers({ Accept: "application/json", "User-Agent": "orders/1.0" }),
    [
      ["aCCept", "application/json"],
      ["user-Agent", "orders/1.0"],
    ],
  ]) {
    const own = await seen(headers);
    assert.equal(own.accept, "application/json");
    assert.equal(own["user-agent"], "orders/1.0");
  }
});

test("several Set-Cookie stay apart", async (t) => {
  const cookies = ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT"];
  const url = await serve(t, (_, response) => response.setHeader("set-cookie", cookies).end());
  assert.deepEqual((await nodeTransport(url, {})).headers.getSetCookie(), cookies);
});

test("a redirect is given out and not followed", async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(302, { location: "/elsewhere" }).end());
  const response = await nodeTransport(url, {});
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "/elsewhere");
});

test("chunks are given out as they arrive", async (t) => {
  let finish;
  const url = await serve(t, (_, response) => {
    response.write("first");
    finish = () => response.end("last");
  });
  const reader = (await nodeTransport(url, {})).body.getReader();
  assert.equal(Buffer.from((await reader.read()).value).toString(), "first");
  const pending = reader.read();
  finish();
  assert.equal(Buffer.from((await pending).value).toString(), "last");
  assert.deepEqual(await reader.read(), { done: true, value: undefined });
});

test("a body that nobody reads holds the server back", async (t) => {
  const size = 50_000_000;
  let server;
  const url = await serve(t, (_, response) => {
    server = response;
    response.end(Buffer.alloc(size));
  });
  const response = await nodeTransport(url, {});
  // Until nothing has moved for many turns.
  for (let still = 0, left = -1; still < 200; still = server.writableLength === left ? still + 1 : 0) {
    left = server.writableLength;
    await turn();
  }
  assert.ok(server.writableLength > size / 2, "most of it waits at the server");
  assert.equal((await textOf(response)).length, size);
});

test("a body cut in the middle gives what arrived, and then rejects", async (t) => {
  let cut;
  const url = await serve(t, (request, response) => {
    response.writeHead(200, { "content-length": 1_000 });
    response.write("abc");
    cut = () => new Promise((resolve) => request.socket.once("close", resolve).destroySoon());
  });
  for (const readsLater of [false, true]) {
    const reader = (await nodeTransport(url, {})).body.getReader();
    const done = cut();
    if (readsLater) await done;
    assert.equal(Buffer.from((await reader.read()).value).toString(), "abc");
    await assert.rejects(reader.read(), TypeError);
    await assert.rejects(reader.read(), TypeError);
  }
});

test("abort before, during and after the head rejects with the signal's reason", async (t) => {
  const arrived = deferred();
  const left = { "/head": deferred(), "/body": deferred() };
  const url = await serve(t, (request, response) => {
    request.socket.on("close", () => left[request.url].resolve());
    if (request.url === "/body") response.write("x");
    else arrived.resolve();
  });
  const reason = new Error("enough");
  await assert.rejects(nodeTransport(url, { signal: AbortSignal.abort(reason) }), reason);

  const head = new AbortController();
  const waiting = nodeTransport(`${url}head`, { signal: head.signal });
  await arrived.promise;
  head.abort(reason);
  await assert.rejects(waiting, reason);

  const body = new AbortController();
  const reader = (await nodeTransport(`${url}body`, { signal: body.signal })).body.getReader();
  await reader.read();
  const pending = reader.read();
  body.abort();
  await assert.rejects(pending, { name: "AbortError" });
  await Promise.all([left["/head"].promise, left["/body"].promise]);
});

test("cancel ends a pending read and closes the connection", async (t) => {
  let closed;
  const done = new Promise((resolve) => (closed = resolve));
  const url = await serve(t, (request, response) => {
    request.socket.on("close", closed);
    response.write("x");
  });
  const reader = (await nodeTransport(url, {})).body.getReader();
  await reader.read();
  const pending = reader.read();
  await reader.cancel();
  assert.deepEqual(await pending, { done: true, value: undefined });
  await done;
});

test("what cannot be reached or asked for rejects", async () => {
  await assert.rejects(nodeTransport("http://127.0.0.1:1/", {}), { name: "TypeError", message: /ECONNREFUSED/ });
  await assert.rejects(nodeTransport("http://localhost:1/", {}), { name: "TypeError", message: /ECONNREFUSED/ });
  await assert.rejects(nodeTransport("nowhere", {}), TypeError);
  await assert.rejects(nodeTransport("ftp://127.0.0.1/", {}), TypeError);
  await assert.rejects(nodeTransport("http://127.0.0.1:1/", { headers: { "a\nb": "c" } }), TypeError);
});

test("one connection serves requests in turn", async (t) => {
  const sockets = new Set();
  const url = await serve(t, (request, response) => {
    sockets.add(request.socket);
    response.end("x");
  });
  for (let round = 0; round < 5; round += 1) await textOf(await nodeTransport(url, {}));
  assert.equal(sockets.size, 1);
});

test("an idle connection is left before the server ends it", async (t) => {
  const left = deferred();
  const server = createServer((request, response) => {
    request.socket.on("end", left.resolve);
    response.setHeader("keep-alive", "timeout=2");
    response.end("x");
  });
  // The server says so, and never does.
  server.keepAliveTimeout = 0;
  const url = await listen(t, server);
  await textOf(await nodeTransport(url, {}));
  await left.promise;
});

test("a connection that the server closed meanwhile is a network failure", async (t) => {
  const server = createSocketServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
      socket.once("data", () => socket.destroy());
    });
  });
  const url = await listen(t, server);
  await textOf(await nodeTransport(url, {}));
  await assert.rejects(nodeTransport(url, {}), { name: "TypeError", message: /socket hang up|ECONNRESET/ });
});
