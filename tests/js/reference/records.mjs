// What must hold for each number that a follower is given. Numbers of a channel count up from 1.

/** Clocks of one machine, read by two processes. */
const CLOCK_MS = 5;

/** What was published, and when. */
export class Published {
  #channels;

  constructor(channels) {
    this.#channels = new Map(channels.map((channel) => [channel, []]));
  }

  /** The next number of the channel. */
  next(channel) {
    return this.count(channel) + 1;
  }

  add(channel, began, ended) {
    this.#channels.get(channel).push({ began, ended });
  }

  count(channel) {
    return this.#channels.get(channel).length;
  }

  counts() {
    return new Map([...this.#channels.keys()].map((channel) => [channel, this.count(channel)]));
  }

  /** When the server was told to publish it, and when it said that it had. */
  times(channel, n) {
    return this.#channels.get(channel)[n - 1];
  }
}

/**
 * Without replay: each number once, in order. One that is left out must be named by a gap, which was told after the last
 * number before it was published, and reaches back to it.
 */
export class Once {
  #published;
  #fail;
  #last = new Map();
  #gaps = [];
  #holes = [];
  figures = { received: 0, missing: 0 };

  constructor(published, fail) {
    this.#published = published;
    this.#fail = fail;
  }

  received(channel, n) {
    const last = this.#last.get(channel);
    // The first one may be any: the server keeps nothing for those who come later.
    if (last !== undefined && n <= last) this.#fail(`${channel} ${n} came after ${last}`);
    if (last !== undefined && n > last + 1) this.#holes.push({ channel, first: last + 1, next: n });
    this.#last.set(channel, Math.max(n, last ?? n));
    this.figures.received += 1;
  }

  status({ type, channel, since }) {
    if (type === "gap") this.#gaps.push({ channel, since, told: Date.now() });
  }

  isUpTo(counts) {
    return [...counts].every(([channel, count]) => (this.#last.get(channel) ?? 0) > count);
  }

  /** All that was left out so far must have been named by now. */
  settle() {
    for (const { channel, first, next } of this.#holes) {
      this.figures.missing += next - first;
      const { ended } = this.#published.times(channel, first);
      const { began } = this.#published.times(channel, first - 1);
      const names = (gap) => gap.channel === channel && gap.since <= ended + CLOCK_MS && gap.told + CLOCK_MS >= began;
      if (!this.#gaps.some(names)) this.#fail(`${channel} ${first} to ${next - 1} are missing, and no gap says so`);
    }
    this.#holes = [];
  }
}

/** Numbers from 1 on, in any order: up to which all are there. */
class Numbers {
  upTo = 0;
  #ahead = new Set();

  has(n) {
    return n <= this.upTo || this.#ahead.has(n);
  }

  add(n) {
    if (n > this.upTo) this.#ahead.add(n);
    while (this.#ahead.delete(this.upTo + 1)) this.upTo += 1;
  }
}

/** What is known of one channel of `Replayed`. */
class Channel {
  /** Given since the last restart, and what lies before it. */
  given = new Numbers();
  /** Given in all lives. */
  ever = new Numbers();
  processed = new Numbers();
  saved = 0;
  /** By replay id. */
  numbers = new Map();
  /** Why numbers may come ahead; until the next one in order comes from a subscribe made since. */
  disturbed;
  renewed = false;
}

/**
 * With replay and a store: each number at least once; after a restart it goes on behind the saved position, which never moves
 * back and never passes what is not processed. A server that keeps all has no gap.
 *
 * Order is promised within one response (S13, R7d). So numbers may come ahead of others where a subscribe asks for these
 * again: behind a lost response, on a reply to the session that is left; in a session that is resumed, where they wait already;
 * for a new reader, on the subscription that is there still.
 */
export class Replayed {
  #fail;
  #channels;
  figures = { received: 0, again: 0, doubled: 0 };
  /** How many came ahead, by what disturbed the order. */
  ahead = {};

  constructor(channels, fail) {
    this.#fail = fail;
    this.#channels = new Map(channels.map((channel) => [channel, new Channel()]));
  }

  received(name, n, replayId) {
    const channel = this.#channels.get(name);
    channel.numbers.set(replayId, n);
    const next = channel.given.upTo + 1;
    this.figures.received += 1;
    if (channel.given.has(n)) this.figures.doubled += 1;
    else if (channel.ever.has(n)) this.figures.again += 1;
    if (n > next) {
      if (!channel.disturbed) this.#fail(`${name} ${n} came, and not ${next}`);
      this.ahead[channel.disturbed] = (this.ahead[channel.disturbed] ?? 0) + 1;
    }
    if (n === next && channel.renewed) channel.disturbed = undefined;
    channel.given.add(n);
    channel.ever.add(n);
  }

  /** The application has done with it, and asks for the next one. */
  processed(name, n) {
    this.#channels.get(name).processed.add(n);
  }

  saving(name, replayId) {
    const { numbers, processed, saved } = this.#channels.get(name);
    const n = numbers.get(replayId);
    if (n === undefined) this.#fail(`${name}: saves the position ${replayId}, which no event had`);
    else if (n > processed.upTo) this.#fail(`${name}: saves ${n}, but ${processed.upTo + 1} is not processed`);
    else if (n < saved) this.#fail(`${name}: saves ${n} after ${saved}`);
  }

  saved(name, replayId) {
    const channel = this.#channels.get(name);
    channel.saved = channel.numbers.get(replayId);
  }

  /** Another client begins, with what the store has. */
  restarts() {
    for (const channel of this.#channels.values()) this.#givenUpTo(channel, channel.saved);
  }

  /** Another reader begins, with what the client knows. */
  readsAgain(name) {
    const channel = this.#channels.get(name);
    this.#givenUpTo(channel, channel.processed.upTo);
    [channel.disturbed, channel.renewed] = ["new reader", true];
  }

  #givenUpTo(channel, n) {
    channel.given = new Numbers();
    channel.given.upTo = n;
  }

  status({ type, channel, cause, resumed }) {
    if (type === "gap") this.#fail(`a gap in ${channel}: ${cause}`);
    for (const known of this.#channels.values()) {
      if (type === "retry") [known.disturbed, known.renewed] = ["lost response", false];
      if (type === "session" && resumed) known.disturbed = "resumed";
      if (type === "session") known.renewed = true;
    }
  }

  isUpTo(counts) {
    return [...counts].every(([name, count]) => this.#channels.get(name).given.upTo >= count);
  }

  settle() {}
}
