// A project as a user has it: the package packed by `npm pack` and installed from the tarball, outside the repository,
// so that nothing is found by accident.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd } from "./children.mjs";
import { root } from "./tools.mjs";

/**
 * Packs the package, installs it, and copies the suite in beside it.
 *
 * @param {string} packageDir what `cargo xtask build` made
 * @returns {Promise<{ dir: string, path(...parts: string[]): string, manifest: object, remove(): void }>}
 */
export async function makeProject(packageDir) {
  const dir = mkdtempSync(join(tmpdir(), "cometd-edge-"));
  const path = (...parts) => join(dir, ...parts);
  const remove = () => rmSync(dir, { recursive: true, force: true });
  try {
    writeFileSync(path("package.json"), JSON.stringify({ private: true, type: "module" }));
    await runToEnd("npm", ["pack", packageDir, "--pack-destination", dir, "--silent"], { cwd: dir });
    const tarball = readdirSync(dir).find((name) => name.endsWith(".tgz"));
    await runToEnd("npm", ["install", `./${tarball}`, "--no-audit", "--no-fund", "--prefer-offline"], { cwd: dir });
    for (const part of ["contract", "hosts"]) {
      cpSync(join(root, "tests", "js", part), path("suite", part), { recursive: true });
    }
    const manifest = JSON.parse(readFileSync(path("node_modules", "cometd-edge", "package.json"), "utf8"));
    return { dir, path, manifest, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
