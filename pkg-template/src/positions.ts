import type { Core } from "./core.js";
import { LOADED, SAVED } from "./engine.js";
import { CometdError, describe, isCometdError } from "./errors.js";
import type { Position, ReplayStore } from "./types.js";

/** The replay store of a client as the engine uses it; the engine minds the time, and asks again what failed. */
export class Positions {
  readonly #core: Core;
  readonly #store: ReplayStore;
  /** What the store threw last, by operation and channel. */
  readonly #thrown = new Map<string, unknown>();

  constructor(core: Core, store = inMemory()) {
    this.#core = core;
    this.#store = store;
  }

  async load(request: number, channel: string): Promise<void> {
    let replayId = "";
    const error = await this.#ask(`load ${channel}`, async () => {
      replayId = replayIdOf(await this.#store.load(channel));
    });
    const makesNoSense = isCometdError(error) && error.code === "store-invalid";
    this.#core.attempt(LOADED, request, replayId, problemOf(error), makesNoSense);
  }

  async save(request: number, channel: string, position: Position): Promise<void> {
    const error = await this.#ask(`save ${channel}`, async () => this.#store.save(channel, position));
    this.#core.attempt(SAVED, request, problemOf(error));
  }

  /** What the store threw when this was last tried; `undefined` where it threw nothing. */
  thrown(operation: string, channel: string | undefined): unknown {
    return this.#thrown.get(`${operation} ${channel}`);
  }

  /** What went wrong; `undefined` for nothing. */
  async #ask(what: string, ask: () => Promise<void>): Promise<unknown> {
    this.#thrown.delete(what);
    try {
      await ask();
      return undefined;
    } catch (thrown) {
      const error = thrown ?? new CometdError("store-failed", "the store gave no reason");
      this.#thrown.set(what, error);
      return error;
    }
  }
}

/** Positions for as long as the client lives. */
function inMemory(): ReplayStore {
  const positions = new Map<string, Position>();
  return {
    load: async (channel) => positions.get(channel),
    save: async (channel, position) => void positions.set(channel, position),
  };
}

/** @throws CometdError `"store-invalid"` that does not repeat what the store gave. */
function replayIdOf(found: Position | null | undefined): string {
  if (found === undefined || found === null) return "";
  const { replayId, createdDate }: Partial<Record<keyof Position, unknown>> = found;
  const datedWell = createdDate === undefined || createdDate === null || typeof createdDate === "string";
  if (typeof replayId === "string" && replayId !== "" && datedWell) return replayId;
  throw new CometdError(
    "store-invalid",
    "replay.store: load() must give undefined, or { replayId, createdDate? } of strings",
  );
}

function problemOf(error: unknown): string {
  return error === undefined ? "" : describe(error) || "it gave no reason";
}
