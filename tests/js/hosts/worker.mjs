// The suite in workerd: each request is one case, named in its body, so that cases side by side belong to different
// requests of one isolate, as they do in production.

import { connect, CometdError } from "cometd-edge";
import { cases, contexts, describe, runCase } from "../contract/index.mjs";

const stray = [];
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(describe(event.reason));
});

/** Ends its request with a client that polls; workerd then drops all that belongs to the request, without a word. */
async function leaveOneBehind(target, run) {
  const t = contexts({ connect, CometdError }, target, run)("left behind");
  const client = await t.client();
  await client.subscribe(t.channel());
  return Response.json(client.state);
}

export default {
  async fetch(request) {
    if (request.method === "GET") return Response.json(stray);
    const { name, target, run, leave } = await request.json();
    if (leave) return leaveOneBehind(target, run);
    const one = cases.find((known) => known.name === name);
    return Response.json(await runCase(one, contexts({ connect, CometdError }, target, run)));
  },
};
