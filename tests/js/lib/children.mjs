// Child processes that announce themselves with one line of JSON and end when their stdin closes.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Starts one and waits for its line.
 *
 * @returns {Promise<{ announced: object, stop(): Promise<void> }>}
 */
export function startChild(command, args, { name = command, options = {}, timeoutMs = 120_000 } = {}) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(timer);
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${name} did not announce itself`));
    }, timeoutMs);
    const settle = (act) => {
      clearTimeout(timer);
      act();
    };
    child.stdin.on("error", () => {});
    child.once("error", (error) => settle(() => reject(error)));
    child.once("exit", (code) => settle(() => reject(new Error(`${name} ended with ${code} before it was ready`))));
    createInterface({ input: child.stdout }).once("line", (line) => {
      settle(() => resolve({ announced: JSON.parse(line), stop }));
    });
  });
}

/** Runs a command to its end. Rejects with its output unless it exits with 0. */
export function runToEnd(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`));
    });
  });
}

/** Runs a command and calls `onLine` for each line of its output. Resolves with its exit code. */
export function runWithLines(command, args, { onLine, timeoutMs, ...options }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    createInterface({ input: child.stdout }).on("line", onLine);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? signal);
    });
  });
}
