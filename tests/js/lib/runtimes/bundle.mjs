// A Worker as it is uploaded: one module, and the wasm as a module of its own.

import { readFileSync } from "node:fs";
import { build } from "esbuild";

/** Bundles `entry` as for production, for `modules` of Miniflare. */
export async function bundle(project, entry) {
  const modules = [];
  const wasm = {
    name: "wasm",
    setup({ onResolve }) {
      onResolve({ filter: /\.wasm$/ }, async ({ path, resolveDir }) => {
        const file = new URL(path, `file://${resolveDir}/`);
        const name = `./module${modules.length}.wasm`;
        modules.push({ type: "CompiledWasm", path: project.path(name), contents: readFileSync(file) });
        return { path: name, external: true };
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:workers"],
    target: "esnext",
    plugins: [wasm],
    write: false,
  });
  return [{ type: "ESModule", path: project.path("worker.mjs"), contents: outputFiles[0].text }, ...modules];
}
