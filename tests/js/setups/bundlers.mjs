// How each bundler is asked to make a page's script, with no more said to it than a user would have to say.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import esbuild from "esbuild";
import { rolldown } from "rolldown";
import { rollup } from "rollup";
import { build as vite } from "vite";
import { runToEnd } from "../lib/children.mjs";
import { bun } from "../lib/tools.mjs";

const SCRIPT = "page.js";

/**
 * By name: how to build `entry` into the folder `out`. Those with `copies` take the wasm along by themselves; beside the
 * bundles of the others it has to be put.
 */
export const bundlers = {
  esbuild: {
    build: (entry, out) =>
      esbuild.build({ entryPoints: [entry], bundle: true, format: "esm", outfile: join(out, SCRIPT) }),
  },
  Rollup: {
    async build(entry, out) {
      const bundle = await rollup({ input: entry, logLevel: "silent", plugins: [nodeResolve({ browser: true })] });
      await bundle.write({ file: join(out, SCRIPT), format: "es" });
      await bundle.close();
    },
  },
  rolldown: {
    async build(entry, out) {
      const bundle = await rolldown({ input: entry, platform: "browser", logLevel: "silent" });
      await bundle.write({ file: join(out, SCRIPT), format: "esm" });
      await bundle.close();
    },
  },
  "bun build": {
    build: (entry, out) => runToEnd(bun(), ["build", entry, "--target", "browser", "--outfile", join(out, SCRIPT)]),
  },
  Vite: {
    copies: true,
    build(entry, out) {
      const output = { entryFileNames: SCRIPT };
      const rollupOptions = { input: entry, output, preserveEntrySignatures: "strict" };
      return vite({
        root: out,
        configFile: false,
        base: "./",
        logLevel: "error",
        build: { outDir: out, emptyOutDir: false, rollupOptions },
      });
    },
  },
};

/** The page that loads what was built. */
export function writePage(out) {
  const icon = '<link rel="icon" href="data:,">';
  writeFileSync(
    join(out, "index.html"),
    `<!doctype html>\n${icon}\n<script type="module" src="./${SCRIPT}"></script>\n`,
  );
}
