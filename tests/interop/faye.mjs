// The Faye server. It has no acknowledgement extension, counts its timeouts in whole seconds of a float, and drops a
// session two timeouts after its last poll.
//
//   node faye.mjs [--timeout ms]

import faye from "faye";
import { isRefused, launch, numbers, Vacancies } from "./control.mjs";

const { timeout } = numbers({ timeout: 1_000 });
const adapter = new faye.NodeAdapter({ mount: "/cometd", timeout: timeout / 1_000 });
adapter.addExtension({
  incoming(message, callback) {
    const channel = message.channel === "/meta/subscribe" ? message.subscription : message.channel;
    if (isRefused(String(channel))) message.error = `403:${channel}:Forbidden`;
    callback(message);
  },
});

const subscribers = new Map();
const vacancies = new Vacancies((channel) => !subscribers.get(channel));
adapter.on("subscribe", (_session, channel) => subscribers.set(channel, (subscribers.get(channel) ?? 0) + 1));
adapter.on("unsubscribe", (_session, channel) => {
  subscribers.set(channel, subscribers.get(channel) - 1);
  vacancies.check(channel);
});

launch({
  bayeux: (server) => adapter.attach(server),
  attach: true,
  async publish(channel, data) {
    for (const item of data) await adapter.getClient().publish(channel, item);
  },
  vacancies,
});
