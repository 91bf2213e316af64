// Measures the package in the folder given: what a bundler makes of its browser entry, and what gzip makes of that.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const dist = join(process.argv[2], "dist");

const size = (bytes) => ({ raw: bytes.byteLength, gzip: gzipSync(bytes, { level: 9 }).byteLength });

async function bundle(entry, external = []) {
  const result = await build({
    entryPoints: [join(dist, entry)],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    conditions: ["browser"],
    external,
    write: false,
    metafile: true,
    outdir: "/", // nothing is written
    logLevel: "error",
  });
  return { bytes: result.outputFiles[0].contents, inputs: Object.values(result.metafile.outputs)[0].inputs };
}

const whole = await bundle("index.js");
const measured = {
  wasm: size(await readFile(join(dist, "load", "cometd-edge.wasm"))),
  glue: size((await bundle("load/glue.js")).bytes),
  wrapper: size((await bundle("index.js", ["../glue.js", "./glue.js"])).bytes),
  bundle: size(whole.bytes),
  files: Object.entries(whole.inputs)
    .filter(([path]) => !path.endsWith("/dist/glue.js"))
    .map(([path, { bytesInOutput }]) => ({ name: path.split("/dist/").pop(), bytes: bytesInOutput }))
    .sort((a, b) => b.bytes - a.bytes),
};
console.log(JSON.stringify(measured));
