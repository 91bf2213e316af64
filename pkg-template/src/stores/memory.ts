import type { Position, ReplayStore } from "../types.js";
import { checkChannel, checkPosition, invalid } from "./position.js";

/**
 * Keeps positions in memory, as long as the store is referred to: they survive a client, not the process or the page.
 *
 * @param initial positions to begin with, by channel: an object, or anything that gives pairs, such as a `Map`
 * @throws CometdError `"invalid-argument"`
 */
export function memoryStore(
  initial: Readonly<Record<string, Position>> | Iterable<readonly [string, Position]> = {},
): ReplayStore {
  if (typeof initial !== "object" || initial === null)
    throw invalid("memoryStore: give an object of positions by channel");
  return new MemoryStore(Symbol.iterator in initial ? initial : Object.entries(initial));
}

class MemoryStore implements ReplayStore {
  readonly #positions = new Map<string, Position>();

  constructor(initial: Iterable<readonly [string, Position]>) {
    for (const [channel, position] of initial) this.#set(channel, position);
  }

  async load(channel: string): Promise<Position | undefined> {
    checkChannel("memoryStore", channel);
    const position = this.#positions.get(channel);
    return position && { ...position };
  }

  async save(channel: string, position: Position): Promise<void> {
    this.#set(channel, position);
  }

  #set(channel: string, position: Position): void {
    checkChannel("memoryStore", channel);
    this.#positions.set(channel, checkPosition("memoryStore", position));
  }
}
