import { indexedDbStore } from "cometd-edge/stores";

/** Where each channel is: the last event received, and the position that IndexedDB holds. */
export class Positions {
  /** By channel: `{ received, saved }`, each `{ replayId, n, at }`, and the numbers of those not saved by replay id. */
  #channels;
  #store;
  #changed;

  /** Positions in the database of that name; `changed()` is called when one was saved. */
  constructor(database, kept, changed) {
    this.#store = indexedDbStore(database);
    this.#channels = new Map(kept?.map(([channel, known]) => [channel, { ...known, numbers: new Map(known.numbers) }]));
    this.#changed = changed;
  }

  toJSON() {
    return [...this.#channels].map(([channel, known]) => [channel, { ...known, numbers: [...known.numbers] }]);
  }

  /** The store that the client is given: as IndexedDB, and with an eye on what is saved. */
  get store() {
    return {
      load: (channel) => this.#store.load(channel),
      save: async (channel, position) => {
        await this.#store.save(channel, position);
        this.#saved(channel, position.replayId, Date.now());
        this.#changed();
      },
    };
  }

  /** What IndexedDB holds of a channel when the page begins: with its `n`, and when it was saved. */
  async resume(channel) {
    const position = await this.#store.load(channel);
    if (!position) {
      this.#channels.delete(channel);
      return undefined;
    }
    const known = this.#of(channel);
    // It may have been saved in the very moment in which the page was left.
    if (known.saved?.replayId !== position.replayId) this.#saved(channel, position.replayId, known.received?.at);
    return known.saved;
  }

  received({ channel, replayId }, n, at) {
    const known = this.#of(channel);
    known.received = { replayId, n, at };
    known.numbers.set(replayId, n);
  }

  /** The number of the order at a position. */
  numberAt(channel, replayId) {
    const { saved, numbers } = this.#of(channel);
    return numbers.get(replayId) ?? (saved?.replayId === replayId ? saved.n : undefined);
  }

  /** For the page: one line for each channel. */
  get lines() {
    return [...this.#channels].map(([channel, { received, saved, numbers }]) => {
      return { channel, received, saved, unsaved: numbers.size };
    });
  }

  #of(channel) {
    if (!this.#channels.has(channel)) this.#channels.set(channel, { numbers: new Map() });
    return this.#channels.get(channel);
  }

  /** All that came before it is saved with it. */
  #saved(channel, replayId, at) {
    const known = this.#of(channel);
    known.saved = { replayId, n: this.numberAt(channel, replayId), at };
    const came = [...known.numbers];
    known.numbers = new Map(came.slice(came.findIndex(([id]) => id === replayId) + 1));
  }
}
