// The suite in workerd: each request is one case, named in its body, so that cases side by side belong to different
// requests of one isolate, as they do in production.

import { connect, CometdError } from "cometd-edge";
import { cases, contexts, describe, runCase } from "../contract/index.mjs";

const stray = [];
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(describe(event.reason));
});

export default {
  async fetch(request) {
    if (request.method === "GET") return Response.json(stray);
    const { name, target, run } = await request.json();
    const one = cases.find((known) => known.name === name);
    return Response.json(await runCase(one, contexts({ connect, CometdError }, target, run)));
  },
};
