// What a user of Workers writes: a cron run and a Durable Object that follow a channel, each for a moment at a time.

import { DurableObject } from "cloudflare:workers";
import { connectSalesforce, password } from "cometd-edge/salesforce";
import { cloudflareKvStore, durableObjectStore } from "cometd-edge/stores";

const CHANNEL = "/event/Order__e";

/** Long enough for what is on its way on a busy machine. */
const DRAIN = { idleMs: 500, deadlineMs: 25_000 };

/** Between two alarms. */
const PAUSE_MS = 100;

function options({ LOGIN, CREDENTIALS }, store) {
  return {
    loginUrl: LOGIN,
    auth: password(CREDENTIALS),
    replay: { store, start: "all" },
    // For a server that is quick.
    retry: { initialDelayMs: 20, maxDelayMs: 200, handshakesPerMinute: 1_000, sessionWindowMs: 1_000 },
  };
}

/** Follows by its alarm. What it holds in memory is gone whenever the platform wants it to be. */
export class Follower extends DurableObject {
  #alarms = 0;
  #life = crypto.randomUUID();

  async alarm() {
    const { storage } = this.ctx;
    const resume = await storage.get("snapshot");
    const client = await connectSalesforce({ ...options(this.env, durableObjectStore(storage)), resume });
    await client.subscribe(CHANNEL);
    for await (const { data } of client.drain(DRAIN)) await storage.put(`seen:${data.payload.n}`, true);
    await storage.put("snapshot", await client.suspend());
    this.#alarms += 1;
    await storage.setAlarm(Date.now() + PAUSE_MS);
  }

  async fetch(request) {
    const { storage } = this.ctx;
    switch (new URL(request.url).pathname) {
      case "/start":
        await storage.setAlarm(Date.now());
        break;
      case "/stop":
        await storage.deleteAlarm();
        break;
      case "/evict":
        this.ctx.abort("evicted");
    }
    const seen = [...(await storage.list({ prefix: "seen:" })).keys()].map((key) => Number(key.slice(5)));
    return Response.json({ seen, alarms: this.#alarms, life: this.#life });
  }
}

export default {
  async scheduled(_, env) {
    const client = await connectSalesforce(options(env, cloudflareKvStore(env.POSITIONS)));
    try {
      await client.subscribe(CHANNEL);
      for await (const { data } of client.drain(DRAIN)) await env.SEEN.put(`${data.payload.n}`, "seen");
    } finally {
      await client.close();
    }
  },

  async fetch(request, env) {
    if (new URL(request.url).pathname !== "/cron")
      return env.FOLLOWER.get(env.FOLLOWER.idFromName("it")).fetch(request);
    const { keys } = await env.SEEN.list();
    return Response.json({ seen: keys.map(({ name }) => Number(name)) });
  },
};
