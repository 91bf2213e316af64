// workerd through miniflare: bundled as for production.

import { createInterface } from "node:readline";
import { Miniflare } from "miniflare";
import { applicable } from "../../contract/index.mjs";
import { bundle } from "./bundle.mjs";
import { inTurn } from "./turns.mjs";

export async function workerdRuntime(project) {
  const modules = await bundle(project, project.path("suite", "hosts", "worker.mjs"));
  return {
    name: "workerd",
    features: ["own-cookies", "cloudflareKvStore", "durableObjectStore"],
    proxy: "http://127.0.0.1:",
    async run({ target, run, grep }, report) {
      const said = [];
      const worker = new Miniflare({
        modules,
        modulesRoot: project.dir,
        compatibilityDate: "2026-04-20",
        kvNamespaces: ["POSITIONS"],
        durableObjects: { KEEPER: { className: "Keeper", useSQLite: true } },
        // The only place where it tells of an exception that nobody caught.
        verbose: true,
        handleRuntimeStdio: (_, stderr) => createInterface({ input: stderr }).on("line", (line) => said.push(line)),
      });
      const ask = async (body) => {
        const init = body && { method: "POST", body: JSON.stringify(body) };
        return (await worker.dispatchFetch("http://worker/", init)).json();
      };
      const one = (name, turn) => ask({ name, target, run: `${run}${turn}x` });
      try {
        // Clients that their requests left behind share the isolate with all the cases, and must not disturb them.
        for (let i = 0; i < 3; i += 1) await ask({ leave: true, target, run: `${run}left${i}x` });
        await inTurn(applicable(target.features, grep), { width: 4, one, report });
        for (const error of await ask()) report({ name: "nothing stray reaches the host", ok: false, ms: 0, error });
      } finally {
        await worker.dispose();
      }
      // Those "(in promise)" are told of here for each connection that drops, also where the rejection is handled; the
      // host hears of those that are not.
      for (const error of said.filter((line) => line.includes("uncaught exception; source = Uncaught;"))) {
        report({ name: "no uncaught exception reaches the host", ok: false, ms: 0, error });
      }
    },
    stop() {},
  };
}
