import { equal, ok, rejection, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow, reader } from "./tools.mjs";

test(
  "a panic in the wasm ends every client, and the next connect works",
  { needs: ["sandbox"], alone: true },
  async (t) => {
    const clients = await Promise.all([t.client(), t.client()]);
    const loops = [];
    for (const client of clients) loops.push(follow(await client.subscribe(t.channel())), follow(client.status()));
    const pending = rejection(clients[1].publish(t.channel("/other"), 1));
    clients[0][Symbol.for("cometd-edge.trap")]();
    for (const client of clients) {
      typed(await client.closed, t.CometdError, "instance-lost", "closed");
      equal(client.state, "closed");
    }
    for (const { ended } of loops) {
      const { error } = await ended;
      // A tap may just end; a subscription says why.
      if (error) typed(error, t.CometdError, "instance-lost");
    }
    ok((await loops[0].ended).error, "the loop over a subscription throws");
    typed(await pending, t.CometdError, "instance-lost", "a pending publish");
    typed(await rejection(clients[0].publish(t.channel(), 1)), t.CometdError, ["instance-lost", "closed"]);
    await Promise.all(clients.map((client) => client.close()));

    const fresh = await t.client();
    const events = reader(await fresh.subscribe(t.channel("/fresh")));
    await t.publish(t.channel("/fresh"), "a fresh start");
    equal((await events.next()).value.data, "a fresh start");
  },
);
