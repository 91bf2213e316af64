import { CometdError } from "./errors.js";
import type { Extension, Message } from "./types.js";

/** What the engine shows to {@link inspect}: events cost a detour each, so only if somebody wants them. */
export function inspection(extensions: readonly Extension[]): "none" | "meta" | "all" {
  if (extensions.length === 0) return "none";
  return extensions.some((extension) => extension.events) ? "all" : "meta";
}

/**
 * Leads one message, as JSON text, through the extensions. Returns the text to go on with, `""` if it is dropped.
 *
 * A message that nobody changes keeps its text to the letter, and so its numbers keep all their digits.
 */
export function inspect(
  extensions: readonly Extension[],
  incoming: boolean,
  text: string,
  failed: (where: string, error: unknown) => void,
): string {
  const hook = incoming ? "incoming" : "outgoing";
  let kept = text;
  let written: string | undefined;
  for (const extension of incoming ? [...extensions].reverse() : extensions) {
    if (!extension[hook]) continue;
    try {
      let message = JSON.parse(kept) as Message;
      if (!extension.events && !String(message.channel).startsWith("/meta/")) continue;
      written ??= JSON.stringify(message);
      const result: unknown = extension[hook](message);
      if (result === null) return "";
      if (result !== undefined) message = checked(result);
      const changed = JSON.stringify(message);
      if (changed !== written) kept = written = changed;
    } catch (error) {
      // The next one starts from `kept`, so that what this one changed before it threw is forgotten.
      failed(`extension ${extension.name ?? extensions.indexOf(extension)}, ${hook}`, error);
    }
  }
  return kept;
}

function checked(result: unknown): Message {
  const then = (result as Partial<Promise<unknown>>).then;
  // An async hook by mistake; its failure must not become an unhandled rejection on top.
  if (typeof then === "function") then.call(result, undefined, () => {});
  else if (typeof result === "object" && !Array.isArray(result)) return result as Message;
  throw new CometdError("invalid-argument", "an extension must return a message, null or undefined, no promise");
}
