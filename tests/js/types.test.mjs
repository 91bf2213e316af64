// Compiles what users write against the types of the packed package, strictly, under the types of each environment.
//
//   node tests/js/types.test.mjs

import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runToEnd } from "./lib/children.mjs";
import { runAsScript } from "./lib/script.mjs";
import { root } from "./lib/tools.mjs";

const modules = join(root, "node_modules");
const STRICT = {
  strict: true,
  noEmit: true,
  target: "esnext",
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  // The package's own declarations are checked as well.
  skipLibCheck: false,
};

const NODE_RESOLUTION = { module: "nodenext", moduleResolution: "nodenext" };
const BUNDLER = { module: "esnext", moduleResolution: "bundler" };

// `from`: the package whose types make the environment. `own`: what is compiled there only.
const ENVIRONMENTS = [
  {
    name: "the DOM",
    options: { ...BUNDLER, lib: ["esnext", "dom", "dom.iterable"], types: [] },
    own: ["types/stores.dom.ts"],
  },
  { name: "the DOM, resolved as in Node", options: { ...NODE_RESOLUTION, lib: ["esnext", "dom"], types: [] } },
  {
    name: "Node, without the DOM",
    from: "@types/node",
    options: { ...NODE_RESOLUTION, lib: ["esnext"], types: ["node"] },
  },
  {
    name: "Bun",
    from: "@types/bun",
    options: { ...BUNDLER, lib: ["esnext"], types: ["bun"] },
  },
  {
    name: "Cloudflare Workers",
    from: "@cloudflare/workers-types",
    options: { ...BUNDLER, lib: ["esnext"], types: ["@cloudflare/workers-types"] },
    own: ["types/stores.workers.ts"],
  },
];

/** Reports one result for each environment. */
export async function checkTypes({ project }, report) {
  cpSync(join(root, "tests", "js", "types"), project.path("types"), { recursive: true });
  for (const [i, { name, from, options, own = [] }] of ENVIRONMENTS.entries()) {
    if (from && !existsSync(join(modules, from))) {
      console.log(`left out: the types of ${name} (${from} is not installed)`);
      continue;
    }
    const typeRoots = [join(modules, "@types"), modules];
    const files = ["types/usage.ts", "types/stores.ts", ...own];
    const config = { compilerOptions: { ...STRICT, ...options, typeRoots }, files };
    const file = project.path(`tsconfig.${i}.json`);
    writeFileSync(file, JSON.stringify(config));
    const started = Date.now();
    const tsc = runToEnd(process.execPath, [join(modules, "typescript", "bin", "tsc"), "--project", file]);
    const error = await tsc.then(
      () => undefined,
      (reason) => reason.message,
    );
    report({ name: `the types compile under those of ${name}`, ok: !error, ms: Date.now() - started, error });
  }
}

await runAsScript(import.meta.url, checkTypes);
