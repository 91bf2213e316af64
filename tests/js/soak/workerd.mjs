// The clients in workerd, through miniflare.

import { readdirSync, readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { bundle } from "../lib/runtimes/bundle.mjs";
import { heapBytes } from "./inspector.mjs";

export async function startWorkerd(project, config) {
  const worker = new Miniflare({
    modules: await bundle(project, project.path("suite", "soak", "worker.mjs")),
    modulesRoot: project.dir,
    compatibilityDate: "2026-04-20",
    bindings: { CONFIG: config },
    inspectorPort: 0,
  });
  await worker.ready;
  const inspector = await worker.getInspectorURL();
  const ask = async (action) => {
    const { answer, error } = await (await worker.dispatchFetch(`http://worker/${action}`)).json();
    if (error !== undefined) throw new Error(error);
    return answer;
  };
  const pid = workerdPid();
  let following;
  return {
    async ask(action) {
      if (action !== "follow") return ask(action);
      following = ask("follow");
      following.catch(() => {});
      return undefined;
    },
    async look() {
      const held = { ...(await ask("look")), rssBytes: pid && rssOf(pid) };
      return { ...held, heapBytes: await heapBytes(inspector) };
    },
    async leave() {
      await ask("leave");
      return following;
    },
    stop: () => worker.dispose(),
  };
}

/** The child of this process that is workerd: miniflare gives no handle of it. Linux only. */
function workerdPid() {
  try {
    const children = readdirSync("/proc/self/task").flatMap((thread) =>
      readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
    );
    return children.find((child) => readFileSync(`/proc/${child}/comm`, "utf8").trim() === "workerd");
  } catch {
    return undefined;
  }
}

function rssOf(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(kilobytes) * 1_024;
}
