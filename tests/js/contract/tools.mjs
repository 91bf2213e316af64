// How the cases wait: always for an event, never for a length of time.

/** The first `count` items. The iterator is left open unless `iterable` is one whose loop ends with `break`. */
export async function take(iterator, count) {
  const items = [];
  while (items.length < count) {
    const { done, value } = await iterator.next();
    if (done) throw new Error(`ended after ${items.length} of ${count}`);
    items.push(value);
  }
  return items;
}

/** The reader of an iterable. */
export function reader(iterable) {
  return iterable[Symbol.asyncIterator]();
}

/** Reads on until an item satisfies `wanted`, and gives that item. */
export async function until(iterator, wanted, what = "the item waited for") {
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) throw new Error(`ended before ${what}`);
    if (await wanted(value)) return value;
  }
}

/**
 * Waits until the client has polled again after whatever came before. A server that acknowledges has then given a number,
 * from which on nothing is lost or doubled (A1).
 */
export async function polls(client, count = 1) {
  const tap = reader(client.messages());
  for (let i = 0; i < count; i += 1) {
    await until(tap, ({ channel, successful }) => channel === "/meta/connect" && successful, "a poll's reply");
  }
  await tap.return();
}

/** What a loop over the iterable saw until it ended, and how it ended. Runs by itself. */
export function follow(iterable) {
  const seen = [];
  const run = async () => {
    try {
      for await (const item of iterable) seen.push(item);
    } catch (error) {
      return { seen, error };
    }
    return { seen, error: undefined };
  };
  return { seen, ended: run() };
}

/** A tap on `client.status()` which remembers: `await watch.for(type)` gives a status that came or is yet to come. */
export function watch(iterable) {
  const seen = [];
  const waiting = new Set();
  const run = async () => {
    for await (const item of iterable) {
      seen.push(item);
      for (const check of [...waiting]) check();
    }
  };
  const over = run();
  const find = (type, wanted) => seen.find((status) => status.type === type && wanted(status));
  return {
    seen,
    over,
    for(type, wanted = () => true) {
      return new Promise((resolve, reject) => {
        const check = () => {
          const found = find(type, wanted);
          if (!found) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
        over.then(() => reject(new Error(`no status "${type}" came, but ${JSON.stringify(seen)}`)), reject);
      });
    },
  };
}

/** A promise and its two ends; Node 20 has no `Promise.withResolvers`. */
export function deferred() {
  const ends = {};
  ends.promise = new Promise((resolve, reject) => Object.assign(ends, { resolve, reject }));
  return ends;
}

/** The numbers from 1 to `count` as data of events. */
export function numbered(count, from = 1) {
  return Array.from({ length: count }, (_, i) => ({ n: from + i }));
}
