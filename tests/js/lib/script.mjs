// Lets a part of the tests run by itself, too.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeProject } from "./project.mjs";
import { Totals } from "./report.mjs";
import { root } from "./tools.mjs";

/** Where `cargo xtask build` leaves the package. */
export const packageDir = process.env.PACKAGE_DIR ?? join(root, "pkg");

/** Runs a part if its file is the one that was started. */
export async function runAsScript(url, part) {
  if (process.argv[1] !== fileURLToPath(url)) return;
  const project = await makeProject(packageDir);
  const totals = new Totals();
  try {
    await totals.group(part.name, (report) => part({ project }, report));
  } finally {
    project.remove();
  }
  totals.conclude();
}
