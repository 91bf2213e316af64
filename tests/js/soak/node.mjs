// The clients in a process of Node's.

import { fork } from "node:child_process";

/** In which it must have ended by itself once its clients are closed. */
const END_MS = 10_000;

export async function startNode(project, config) {
  const script = project.path("suite", "soak", "node.mjs");
  const options = { cwd: project.dir, execArgv: ["--expose-gc"] };
  const child = fork(script, [JSON.stringify(config)], options);
  const waiting = new Map();
  let last = 0;
  child.on("message", ({ id, answer, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(error));
  });
  const exited = new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`the process ended with ${code ?? signal}`));
      resolve(code ?? signal);
    });
  });
  const ask = (action) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      child.send({ id: last, action });
    });
  return {
    ask,
    look: () => ask("look"),
    /** Closes the client; says what is left of it. */
    async leave() {
      const left = await ask("leave");
      const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
      const code = await exited;
      clearTimeout(timer);
      return code === 0 ? left : { ...left, problem: `the process ended with ${code}, and not by itself` };
    },
    stop: () => child.kill("SIGKILL"),
  };
}
