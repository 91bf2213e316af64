// Where the programs are that the tests run: named by a variable, or found where npm, cargo or the system put them.

import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const targetDir = process.env.CARGO_TARGET_DIR ?? join(root, "target");

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function onPath(...names) {
  const dirs = (process.env.PATH ?? "").split(delimiter);
  return names.flatMap((name) => dirs.map((dir) => join(dir, name))).find(isProgram);
}

/** npm installs a package for each platform, of which one is there. */
function inPlatformPackage(scope, ...path) {
  const dir = join(root, "node_modules", scope);
  if (!existsSync(dir)) return undefined;
  return readdirSync(dir)
    .map((name) => join(dir, name, ...path))
    .find(isProgram);
}

function found(what, ...candidates) {
  const program = candidates.find((path) => path && isProgram(path));
  if (!program) throw new Error(`${what} is missing`);
  return program;
}

export const deno = () => found("deno", process.env.DENO_BIN, inPlatformPackage("@deno", "deno"), onPath("deno"));

export const bun = () =>
  found(
    "bun",
    process.env.BUN_BIN,
    inPlatformPackage("@oven", "bin", "bun"),
    // Where its install script ran, it moved the binary.
    join(root, "node_modules", "bun", "bin", "bun.exe"),
    onPath("bun"),
  );

export const chromium = () =>
  found("Chromium", process.env.CHROME_BIN, onPath("chromium", "chromium-browser", "google-chrome"));

export const sandbox = () =>
  found(
    "the sandbox (cargo build -p sandbox)",
    process.env.SANDBOX_BIN,
    join(targetDir, "debug", "sandbox"),
    join(targetDir, "release", "sandbox"),
  );
