import { CometdError, describe, isCometdError } from "../errors.js";
import type { Position } from "../types.js";

/** Failures of a storage that another try will not mend. */
const LASTING = ["VersionError", "SecurityError", "NotFoundError"];

/** A position of its own, with nothing else in it; `undefined` for what makes no sense. */
export function toPosition(value: unknown): Position | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { replayId, createdDate } = value as Record<string, unknown>;
  if (typeof replayId !== "string" || replayId === "") return undefined;
  if (createdDate === undefined) return { replayId };
  return typeof createdDate === "string" ? { replayId, createdDate } : undefined;
}

/** @throws CometdError `"invalid-argument"` */
export function checkPosition(store: string, value: unknown): Position {
  const position = toPosition(value);
  if (position) return position;
  throw invalid(`${store}: a position is { replayId, createdDate? }, both strings, the first not empty`);
}

/** @throws CometdError `"invalid-argument"` */
export function checkChannel(store: string, channel: unknown): void {
  if (typeof channel !== "string" || channel === "") throw invalid(`${store}: a channel is a string, not empty`);
}

export function invalid(message: string): CometdError {
  return new CometdError("invalid-argument", message);
}

/** For a storage that threw. What is a CometdError already stays as it is. */
export function storeFailed(doing: string, channel: string, cause: unknown): CometdError {
  if (isCometdError(cause)) return cause;
  const retryable = !LASTING.includes((cause as Partial<Error> | undefined)?.name ?? "");
  return new CometdError("store-failed", `${doing} ${channel}: ${describe(cause)}`, { retryable, channel, cause });
}

/** For what is stored and is no position. Does not repeat it. */
export function storeInvalid(store: string, channel: string, key: string): CometdError {
  const message = `${store}: what is stored for ${channel}, with the key ${JSON.stringify(key)}, is no position; remove it`;
  return new CometdError("store-invalid", message, { channel });
}
