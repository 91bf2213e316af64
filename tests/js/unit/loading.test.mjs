// What happens on import, which is nothing, and what a load says that fails: in each host what helps there, and no more.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import esbuild from "esbuild";
import { connectWith, dist, fakeLoader, rejection } from "./fake.mjs";

const url = "http://localhost/cometd";
const wasm = await readFile(new URL("load/cometd-edge.wasm", dist));

/** All that a message may advise, by what it is found by. */
const ADVICE = {
  vite: /optimizeDeps: \{ exclude: \["cometd-edge"\] \}/,
  copy: /copy cometd-edge\/cometd-edge\.wasm there/,
  inline: /import "cometd-edge\/inline"/,
  module: /make it an ES module/,
  csp: /script-src 'wasm-unsafe-eval'/,
  bundled: /import "cometd-edge", bundled with the condition/,
  wrangler: /as wrangler does/,
  next: /as Next does/,
  init: /call init\(source\)/,
};

/** As engines word a Content-Security-Policy. */
const CSP = [
  "WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy " +
    "directive because 'unsafe-eval' is not an allowed source of script",
  "call to WebAssembly.instantiate() blocked by CSP",
  "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not an allowed source of script",
];
const EMBEDDER = "WebAssembly.instantiate(): Wasm code generation disallowed by embedder";

/** A loader of its own, as a bundler makes it. `address`: what its `import.meta.url` is. */
async function bundled(name, { address, handedOver } = {}) {
  const handOver = {
    name: "wasm",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path, namespace: "wasm" }));
      onLoad({ filter: /.*/, namespace: "wasm" }, () => ({ contents: `export default ${JSON.stringify(handedOver)}` }));
    },
  };
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`load/${name}.js`, dist))],
    bundle: true,
    format: "iife",
    globalName: "loader",
    external: ["node:*"],
    platform: "node",
    logLevel: "silent",
    define: address ? { "import.meta.url": JSON.stringify(address) } : {},
    plugins: [handOver],
    write: false,
  });
  return new Function("require", `${outputFiles[0].text}; return loader;`)(process.getBuiltinModule);
}

/** The error of `connect()`, with other things in place of those of the host. */
async function failure(loader, { fetch, ...engine } = {}) {
  const saved = [globalThis.fetch, { ...engineNow() }];
  Object.assign(globalThis, fetch && { fetch });
  Object.assign(WebAssembly, engine);
  try {
    const error = await rejection(connectWith(loader, { url }));
    assert.equal(error.code, "wasm-load");
    return error.message;
  } finally {
    globalThis.fetch = saved[0];
    Object.assign(WebAssembly, saved[1]);
  }
}

const engineNow = () => {
  const { compile, compileStreaming, instantiate } = WebAssembly;
  return { compile, compileStreaming, instantiate };
};

function advises(message, ...names) {
  const given = Object.keys(ADVICE).filter((name) => ADVICE[name].test(message));
  assert.deepEqual(given.sort(), names.sort(), message);
}

const refuses = (words) => {
  const refuse = () => Promise.reject(new WebAssembly.CompileError(words));
  return { compile: refuse, compileStreaming: refuse, instantiate: refuse };
};
const answers = (body, init) => ({ fetch: async () => new Response(body, init) });

const PAGE = "http://localhost/assets/page.js";
const WASM = "http://localhost/assets/cometd-edge.wasm";

test("a page whose bundler left the wasm behind is told to copy it there", async () => {
  const loader = await bundled("url", { address: PAGE });
  const missing = await failure(loader, answers("", { status: 404 }));
  assert.ok(missing.includes(`${WASM}: HTTP 404`), missing);
  advises(missing, "copy", "inline");
  // A server that answers everything with its one page.
  const html = await failure(loader, answers("<!doctype html>", { headers: { "content-type": "text/html" } }));
  assert.ok(html.includes(`${WASM}: `), html);
  advises(html, "copy", "inline");
});

test("a page of Vite's server for development is told of optimizeDeps", async () => {
  const loader = await bundled("url", { address: "http://localhost/node_modules/.vite/deps/cometd-edge.js" });
  advises(await failure(loader, answers("", { status: 404 })), "vite");
});

test("a page that cannot fetch the wasm is told of the inline entry", async () => {
  const loader = await bundled("url", { address: PAGE });
  const message = await failure(loader, { fetch: () => Promise.reject(new TypeError("Failed to fetch")) });
  assert.ok(message.includes(`${WASM}: Failed to fetch`), message);
  advises(message, "inline");
});

test("a bundle without import.meta.url is told to be an ES module", async () => {
  advises(await failure(await bundled("url")), "module", "inline");
});

for (const words of CSP) {
  test(`a policy is named where it refused, in any entry: ${words.slice(0, 40)}`, async () => {
    const page = await bundled("url", { address: PAGE });
    const served = answers(wasm, { headers: { "content-type": "application/wasm" } });
    advises(await failure(page, { ...served, ...refuses(words) }), "csp");
    advises(await failure(await bundled("bytes"), refuses(words)), "csp");
  });
}

test("a host that compiles no wasm is told of the entry that is bundled with it", async () => {
  advises(await failure(await bundled("bytes"), refuses(EMBEDDER)), "bundled");
});

test("what else fails where the wasm is inside is told as it is", async () => {
  for (const name of ["bytes", "node"]) {
    const message = await failure(await bundled(name), refuses("no memory is left"));
    assert.match(message, /no memory is left$/);
    advises(message);
  }
});

test("a Worker whose bundler handed over no module is told so", async () => {
  advises(await failure(await bundled("workerd", { handedOver: "./cometd-edge.wasm" })), "wrangler");
});

test("an edge route whose bundler handed over no module is told so", async () => {
  advises(await failure(await bundled("edge-light", { handedOver: "/assets/cometd-edge.wasm" })), "next");
});

test("the manual entry says what it lacks, and where it looked", async () => {
  const manual = await bundled("manual");
  advises(await failure(manual), "init");
  const saved = globalThis.fetch;
  globalThis.fetch = async () => new Response("", { status: 404 });
  try {
    const byAddress = await rejection(manual.init(WASM));
    assert.equal(byAddress.code, "wasm-load");
    assert.ok(byAddress.message.endsWith(`${WASM}: HTTP 404`), byAddress.message);
    advises((await rejection(manual.init(fetch(WASM)))).message);
  } finally {
    globalThis.fetch = saved;
  }
});

test("the manual entry runs on a response of any make and any type", async () => {
  const shaped = { ok: true, bodyUsed: false, arrayBuffer: async () => new Uint8Array(wasm).buffer };
  for (const source of [new Response(wasm), shaped, Promise.resolve(wasm), new WebAssembly.Module(wasm)]) {
    const manual = await bundled("manual");
    await manual.init(source);
    assert.equal(typeof (await manual.load()).Engine, "function");
  }
});

test("a load that failed is tried again, and its cause is kept", async () => {
  const cause = new TypeError("nothing there");
  const world = fakeLoader({ load: () => Promise.reject(cause) });
  const error = await rejection(connectWith(world.loader, { url }));
  assert.deepEqual([error.code, error.cause, error.retryable], ["wasm-load", cause, true]);
  assert.equal(error.message, "the wasm could not be loaded: nothing there");
});

test("nothing happens on import", async () => {
  const entries = ["index", "inline", "manual", "salesforce", "stores", "testing"];
  const addresses = entries.map((name) => new URL(`${name}.js`, dist).href);
  const program = `
    const names = ["TextDecoder", "TextEncoder", "fetch", "WebAssembly", "AbortController", "MessageChannel", "Request",
      "setTimeout", "setImmediate", "queueMicrotask", "crypto", "indexedDB", "atob", "WeakRef"];
    for (const name of names) {
      const get = () => { throw new Error(name + " is used on import"); };
      Object.defineProperty(globalThis, name, { get, configurable: true });
    }
    for (const address of ${JSON.stringify(addresses)}) await import(address);
  `;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
});
