import type { Core } from "./core.js";
import { HIDDEN } from "./engine.js";

/** `PageTransitionEvent`, which not every runtime has a type for. */
interface Transition {
  readonly type: string;
  /** The page may come back as it is. */
  readonly persisted: boolean;
}

interface Page {
  addEventListener(type: string, listener: (event: Transition) => void): void;
  removeEventListener(type: string, listener: (event: Transition) => void): void;
}

/**
 * Where there is a page: its client rests while the page is in the cache of the browser's history (R7a), for an open
 * request would keep it out of there; with the page the client ends. Returns what lets go of the page.
 *
 * @param ends - called before the client is closed because the page is
 */
export function followPage(client: () => Core | undefined, ends: () => void): (() => void) | undefined {
  if (!("onpagehide" in globalThis)) return undefined;
  const page = globalThis as unknown as Page;
  const listener = ({ type, persisted }: Transition) => {
    const hides = type === "pagehide";
    if (!hides || persisted) {
      client()?.attempt(HIDDEN, hides);
    } else {
      ends();
      void client()?.close();
    }
  };
  const types = ["pagehide", "pageshow"];
  for (const type of types) page.addEventListener(type, listener);
  return () => {
    for (const type of types) page.removeEventListener(type, listener);
  };
}
