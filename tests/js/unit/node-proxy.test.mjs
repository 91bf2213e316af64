// The node entry where a proxy is asked for in the environment: what Node's own requests do, its own do too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { connect, createServer as createSocketServer } from "node:net";
import { test } from "node:test";
import { dist } from "./fake.mjs";

const transport = new URL("load/node-transport.js", dist).href;
const { nodeTransport } = await import(transport);

/** `http.Agent` has known `proxyEnv` since then. */
const [major, minor] = process.versions.node.split(".").map(Number);
const known = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const skip = known ? false : "this Node has no proxies in node:http";

/** Listens for the time of a test, and returns the port. */
async function listen(t, server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return server.address().port;
}

/** A proxy that notes what it is asked for, and passes it on. */
async function startProxy(t) {
  const seen = [];
  const sockets = new Set();
  const server = createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    sockets.add(request.socket);
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const { method, headers } = request;
    const answer = await fetch(request.url, { method, body, headers: { "content-type": headers["content-type"] } });
    response.end(await answer.text());
  });
  server.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    const [host, port] = request.url.split(":");
    const target = connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const [one, other] of [
      [socket, target],
      [target, socket],
    ]) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  const port = await listen(t, server);
  return { url: `http://127.0.0.1:${port}`, seen, sockets };
}

/** Runs the transport in a process of its own, twice in turn; resolves with what it got each time. */
async function requests(url, { env = {}, flags = [] }) {
  const program = `
    import { nodeTransport } from ${JSON.stringify(transport)};
    const told = [];
    for (let round = 0; round < 2; round += 1) {
      try {
        const init = { method: "POST", headers: { "content-type": "text/plain" }, body: "hello " + round };
        const { body } = await nodeTransport(${JSON.stringify(url)}, init);
        const reader = body.getReader();
        let text = "";
        for (let read = await reader.read(); !read.done; read = await reader.read()) text += Buffer.from(read.value);
        told.push(text);
      } catch (error) {
        told.push({ error: error.message });
      }
    }
    console.log(JSON.stringify(told));
    process.exit();`;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", program], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) output += chunk;
  return JSON.parse(output);
}

async function startServer(t) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    response.end(`${request.url} said ${body}`);
  });
  return `http://127.0.0.1:${await listen(t, server)}/cometd`;
}

const both = ["/cometd said hello 0", "/cometd said hello 1"];

for (const [name, env, flags] of [
  ["NODE_USE_ENV_PROXY=1", { NODE_USE_ENV_PROXY: "1" }, []],
  ["--use-env-proxy", {}, ["--use-env-proxy"]],
]) {
  test(`with ${name} requests go through the proxy, over one connection`, { skip }, async (t) => {
    const proxy = await startProxy(t);
    const url = await startServer(t);
    assert.deepEqual(await requests(url, { env: { ...env, HTTP_PROXY: proxy.url }, flags }), both);
    assert.deepEqual(proxy.seen, [`POST ${url}`, `POST ${url}`]);
    assert.equal(proxy.sockets.size, 1);
  });
}

test("https goes through the proxy by CONNECT, and speaks TLS in there", { skip }, async (t) => {
  const proxy = await startProxy(t);
  const first = [];
  // No certificate is needed to see how it begins.
  const server = createSocketServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", ([byte]) => {
      first.push(byte);
      socket.destroy();
    });
  });
  const port = await listen(t, server);
  const env = { NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: proxy.url };
  const told = await requests(`https://127.0.0.1:${port}/cometd`, { env });
  assert.deepEqual(
    told.map(({ error }) => typeof error),
    ["string", "string"],
  );
  assert.deepEqual(proxy.seen, Array(2).fill(`CONNECT 127.0.0.1:${port}`));
  const handshake = 22;
  assert.deepEqual(first, [handshake, handshake]);
});

test("what NO_PROXY names is reached without the proxy", { skip }, async (t) => {
  const proxy = await startProxy(t);
  const env = { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" };
  assert.deepEqual(await requests(await startServer(t), { env }), both);
  assert.deepEqual(proxy.seen, []);
});

test("a proxy in the environment that nobody has turned on is not used", async (t) => {
  const proxy = await startProxy(t);
  assert.deepEqual(await requests(await startServer(t), { env: { HTTP_PROXY: proxy.url } }), both);
  assert.deepEqual(proxy.seen, []);
});

test("where node:http knows no proxies, fetch makes the requests", async (t) => {
  const before = globalThis.fetch;
  const asked = [];
  // This process was started without; so its agents know none, as in an older Node.
  process.env.NODE_USE_ENV_PROXY = "1";
  globalThis.fetch = async (...given) => {
    asked.push(given);
    return new Response("[]");
  };
  t.after(() => {
    delete process.env.NODE_USE_ENV_PROXY;
    globalThis.fetch = before;
  });
  const init = { method: "POST", body: "[]" };
  const response = await nodeTransport("http://127.0.0.1:1/cometd", init);
  assert.deepEqual(asked, [["http://127.0.0.1:1/cometd", init]]);
  assert.equal(await response.text(), "[]");
});
