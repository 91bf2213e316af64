// The five runtimes. Each one has a `name`, the `features` that it adds to a server's, the `proxy` address that a port
// is appended to, and `run(task, report)`, which puts one server through the suite.

import { chromiumRuntime } from "./chromium.mjs";
import { processRuntime } from "./process.mjs";
import { workerdRuntime } from "./workerd.mjs";

export const runtimes = {
  node: (project) => processRuntime("node", project),
  deno: (project) => processRuntime("deno", project),
  bun: (project) => processRuntime("bun", project),
  workerd: workerdRuntime,
  chromium: chromiumRuntime,
};
