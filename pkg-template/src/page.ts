import type { Core } from "./core.js";
import { HIDDEN, RETRY_NOW } from "./engine.js";

/** `PageTransitionEvent`, which not every runtime has a type for. */
interface Transition {
  readonly type: string;
  /** The page may come back as it is. */
  readonly persisted: boolean;
}

interface Page {
  addEventListener(type: string, listener: (event: Transition) => void): void;
  removeEventListener(type: string, listener: (event: Transition) => void): void;
  document?: { readonly visibilityState: string };
}

/**
 * Where there is a page: its client rests while the page is in the cache of the browser's history (R7a), for an open
 * request would keep it out of there; with the page the client ends. It waits for no back-off once the page is shown, or
 * online, again. Returns what lets go of the page.
 *
 * @param ends - called before the client is closed because the page is
 */
export function followPage(client: () => Core | undefined, ends: () => void): (() => void) | undefined {
  if (!("onpagehide" in globalThis)) return undefined;
  const page = globalThis as unknown as Page;
  const listener = ({ type, persisted }: Transition) => {
    if (type === "pagehide" && !persisted) {
      ends();
      void client()?.close();
      return;
    }
    if (type === "pagehide" || type === "pageshow") client()?.attempt(HIDDEN, type === "pagehide");
    const away = type === "pagehide" || (type === "visibilitychange" && page.document?.visibilityState !== "visible");
    if (!away) client()?.attempt(RETRY_NOW);
  };
  const types = ["pagehide", "pageshow", "visibilitychange", "online"];
  for (const type of types) page.addEventListener(type, listener);
  return () => {
    for (const type of types) page.removeEventListener(type, listener);
  };
}
