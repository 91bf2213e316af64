// Compiles what users write against the types of the packed package, strictly, under the types of each environment, by
// the oldest compiler that the README names and the newest, and one between.
//
//   node tests/js/types.test.mjs

import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
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

const NEWEST = "typescript";
const BETWEEN = "typescript-5.9";
const OLDEST = "typescript-5.2";

/** Node's types, of the releases that are in use, without those of the DOM. */
const node = (from, ...compilers) => ({
  name: from.replace(/^@types\/node$/, "Node").replace(/^types-node-/, "Node "),
  from,
  compilers: [NEWEST, ...compilers],
  options: { ...NODE_RESOLUTION, lib: ["esnext"], types: ["node"] },
});

// `from`: the package whose types make the environment. `own`: what is compiled there only. `compilers`: the newest alone
// where it is not said; the types of an environment need not compile by an older one themselves.
const ENVIRONMENTS = [
  {
    name: "the DOM",
    compilers: [NEWEST, OLDEST],
    options: { ...BUNDLER, lib: ["esnext", "dom", "dom.iterable"], types: [] },
    own: ["types/stores.dom.ts"],
  },
  {
    name: "the DOM, resolved as in Node",
    options: { ...NODE_RESOLUTION, lib: ["esnext", "dom"], types: [] },
  },
  node("types-node-20", OLDEST),
  node("types-node-22"),
  node("types-node-24", BETWEEN),
  node("@types/node"),
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

/** Reports one result for each environment and compiler. */
export async function checkTypes({ project }, report) {
  cpSync(join(root, "tests", "js", "types"), project.path("types"), { recursive: true });
  for (const { name, from, options, own = [], compilers = [NEWEST] } of ENVIRONMENTS) {
    if (from && !existsSync(join(modules, from))) {
      console.log(`left out: the types of ${name} (${from} is not installed)`);
      continue;
    }
    const typeRoots = [typeRootFor(project, from), join(modules, "@types"), modules];
    const files = ["types/usage.ts", "types/stores.ts", ...own];
    const file = project.path("tsconfig.types.json");
    writeFileSync(file, JSON.stringify({ compilerOptions: { ...STRICT, ...options, typeRoots }, files }));
    for (const compiler of compilers) {
      const started = Date.now();
      const { version } = JSON.parse(readFileSync(join(modules, compiler, "package.json"), "utf8"));
      const tsc = runToEnd(process.execPath, [join(modules, compiler, "bin", "tsc"), "--project", file]);
      const error = await tsc.then(
        () => undefined,
        (reason) => reason.message,
      );
      const title = `the types compile under those of ${name} by TypeScript ${version}`;
      report({ name: title, ok: !error, ms: Date.now() - started, error });
    }
  }
}

/** A folder in which the name `node` leads to those types, from within them, too. */
function typeRootFor(project, from = "") {
  const folder = project.path("types-of", from);
  mkdirSync(folder, { recursive: true });
  if (from.startsWith("types-node-")) symlinkSync(join(modules, from), join(folder, "node"));
  return folder;
}

await runAsScript(import.meta.url, checkTypes);
