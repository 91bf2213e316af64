// What a first program does, in every set-up: an event goes round by the server.

import { connect } from "cometd-edge";

/** Resolves with what came back of `{ n: 1 }`; rejects with what is plain enough to leave any realm. */
globalThis.goRound = async (url) => {
  const client = await connect({ url, retry: { maxRetries: 1, initialDelayMs: 10 }, networkDelayMs: 5_000 });
  try {
    const events = await client.subscribe("/set-up/one");
    await client.publish("/set-up/one", { n: 1 });
    for await (const { data } of events) return data.n;
  } finally {
    await client.close();
  }
};

/** The error of `goRound`, as text, or `""`. */
globalThis.tryRound = async (url) => {
  try {
    const n = await globalThis.goRound(url);
    return n === 1 ? "" : `got ${n}`;
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
};
