// The sandbox's control addresses: what no real server offers. No cut of the network affects them.

/** One request to the sandbox's control API. */
export async function control(method, action, body) {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  let response;
  try {
    response = await fetch(new URL(`sandbox/${action}`, location.href), init);
  } catch (cause) {
    throw new Error("The sandbox cannot be reached: is it still running?", { cause });
  }
  if (!response.ok) throw new Error(`The sandbox refused ${action}: ${await response.text()}`);
  return response.json();
}

/** How many orders the server has published on a channel, which is also the running number of the last. */
export async function published(channel) {
  const stats = await control("GET", "stats");
  return stats.published[channel] ?? 0;
}

const LONGEST_CUT_MS = 10_000;
const PATIENCE_MS = 6_000;
const ASK_EVERY_MS = 100;

/**
 * Makes the server drop what comes after the client's position, as if the client had been away for longer than events
 * are retained: cut the network, wait for some orders, drop all but the last, forget the session, mend the network.
 */
export async function expirePosition(channel) {
  await control("POST", "cut", { downMs: LONGEST_CUT_MS });
  try {
    const enough = (await published(channel)) + 3;
    const deadline = Date.now() + PATIENCE_MS;
    while ((await published(channel)) < enough) {
      if (Date.now() > deadline) throw new Error("No orders are published, so no position expires.");
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    await control("POST", "expire", { channel, keep: 1 });
    await control("POST", "forget");
  } finally {
    await control("POST", "cut", { downMs: 0 });
  }
}
