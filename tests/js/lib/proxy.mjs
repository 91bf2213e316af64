// What a page is served from: the files of the project, and below /proxy/PORT/ whatever 127.0.0.1:PORT serves, so that
// every server of the tests has the page's own origin, as it would behind a reverse proxy in production.

import { createReadStream, statSync } from "node:fs";
import http from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** So that no connection is used twice. */
const CLOSE = { connection: "close" };

/** A cookie for `/` comes to be one for `/proxy/PORT/`, as reverse proxies do it; so servers share none. */
function localCookie(value, port) {
  return value.replace(/(;\s*path=)\//i, `$1/proxy/${port}/`);
}

/** Headers that belong to one connection only. */
const HOP_BY_HOP = /^(connection|keep-alive|transfer-encoding)$/i;

function forward(request, response) {
  const [, port, path] = /^\/proxy\/(\d+)(\/.*)$/.exec(request.url);
  const headers = { ...request.headers, host: `127.0.0.1:${port}` };
  const upstream = http.request({ host: "127.0.0.1", port, path, method: request.method, headers, agent: false });
  const drop = () => {
    upstream.destroy();
    // Neither an answer nor an orderly end: the page must see the cut as a cut.
    response.socket?.destroy();
  };
  upstream.on("error", drop);
  upstream.on("response", (incoming) => {
    const kept = [];
    for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
      const [name, value] = incoming.rawHeaders.slice(i, i + 2);
      if (HOP_BY_HOP.test(name)) continue;
      kept.push(name, name.toLowerCase() === "set-cookie" ? localCookie(value, port) : value);
    }
    // Browsers repeat by themselves what was lost on a connection used before; then no cut would ever be seen.
    response.writeHead(incoming.statusCode, [...kept, "connection", "close"]);
    response.flushHeaders();
    incoming.on("aborted", drop).on("error", drop);
    incoming.pipe(response);
  });
  response.on("close", () => upstream.destroy());
  request.pipe(upstream);
}

function sendFile(dir, pathname, response) {
  const path = join(dir, normalize(pathname));
  if (!path.startsWith(dir) || !statSync(path, { throwIfNoEntry: false })?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { ...CLOSE, "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
  createReadStream(path).pipe(response);
}

/** The page of the suite. Bare names are resolved as a page does it without a bundler: by an import map. */
function page({ exports, imports }) {
  const file = (path) => path.replace(/^\./, "/node_modules/cometd-edge");
  const entries = [".", "./salesforce", "./stores"].map((name) => [`cometd-edge${name.slice(1)}`, file(exports[name])]);
  const map = { imports: { ...Object.fromEntries(entries), "#load": file(imports["#load"].browser) } };
  return `<!doctype html>
<meta charset="utf-8">
<title>cometd-edge</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify(map)}</script>
<script type="module" src="/suite/hosts/page.mjs"></script>
`;
}

/** Serves the project: `{ origin, stop() }`. */
export async function startProxy(project) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname.startsWith("/proxy/")) forward(request, response);
    else if (pathname === "/")
      response.writeHead(200, { ...CLOSE, "content-type": TYPES[".html"] }).end(page(project.manifest));
    else sendFile(project.dir, pathname, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
