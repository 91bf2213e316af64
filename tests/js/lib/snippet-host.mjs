// Runs one snippet of the README. A snippet that exports a worker is asked as workerd would ask it.

import { pathToFileURL } from "node:url";

const { default: worker } = await import(pathToFileURL(process.argv[2]).href);
if (worker?.scheduled) {
  const kept = new Map();
  const POSITIONS = { get: async (key) => kept.get(key) ?? null, put: async (key, text) => void kept.set(key, text) };
  await worker.scheduled({}, { ...process.env, POSITIONS }, {});
}
if (worker?.fetch) {
  const later = [];
  const response = await worker.fetch(new Request("http://worker/"), {}, { waitUntil: (work) => later.push(work) });
  console.log(await response.text());
  await Promise.all(later);
}
