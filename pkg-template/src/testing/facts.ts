import type { Position } from "../types.js";
import type { Trial } from "./trial.js";
import { show } from "./trial.js";

interface Fact {
  readonly name: string;
  /** An option without which it cannot be tried. */
  readonly needs?: "reopen" | "corrupt";
  proof(trial: Trial): Promise<void>;
}

/** Ends of channels that are easily taken for one another. */
const ENDS = [
  "",
  "/",
  "/a",
  "/A",
  "/a/b",
  "/a%2Fb",
  "/a b",
  "/a+b",
  "/a:b",
  "/a.b",
  "/a\\b",
  "/a\nb",
  "/..",
  "/*",
  "/**",
  "/a?Field='v'",
  "/a?Field='V'",
  '/a?Field="v"',
  "/a?Field='ä€😀'",
  // One letter with a dot above, and the same letter and the dot.
  "/\u017c",
  "/z\u0307",
  "/__proto__",
  "/constructor",
];

/** Replay ids that are easily changed on their way. */
const REPLAY_IDS = [
  "0",
  "-1",
  "-2",
  "-9007199254740993",
  "9007199254740993",
  "123456789012345678901234567890",
  "007",
  "1e5",
  "1.0",
  " 1 ",
  "null",
  "true",
  "opaque-AbC+/=_~",
  '"quoted"\\ and \u0000\n',
  "ä€😀",
  "x".repeat(1_000),
];

/** Bytes of channels beside the longest: on both sides of what storages take as a key. */
const LENGTHS = [100, 250, 300, 500, 600, 1_000, 1_100, 2_000, 2_100];

const DATE = "2026-11-21T12:34:56.789Z";

/** What a client relies on. */
export const facts: readonly Fact[] = [
  {
    name: "a channel that was never saved has no position",
    proof: (trial) => trial.expect(trial.channel(), undefined, "before any save"),
  },
  {
    name: "what was saved is loaded",
    async proof(trial) {
      const position = { replayId: "17", createdDate: DATE };
      await trial.saveAndExpect(trial.channel(), position);
      await trial.expect(trial.channel(), position, "for the second time");
    },
  },
  {
    name: "the newest position counts, whatever its number",
    async proof(trial) {
      for (const replayId of ["17", "18", "4", "4"]) await trial.saveAndExpect(trial.channel(), { replayId });
    },
  },
  {
    name: "channels are kept apart",
    proof: (trial) => keptApart(trial, ENDS),
  },
  {
    name: "long channels are kept apart",
    async proof(trial) {
      const base = trial.channel().length;
      const rooms = [...LENGTHS, trial.channelBytes]
        .filter((bytes) => bytes <= trial.channelBytes)
        .map((bytes) => Math.max(0, bytes - base - 1));
      const long = rooms.flatMap((room) => ["x".repeat(room), "é".repeat(room / 2)]);
      await keptApart(trial, [...long.map((end) => `${end}1`), ...long.map((end) => `${end}2`)]);
    },
  },
  {
    name: "replay ids are kept as they are",
    proof: (trial) => atOnce(REPLAY_IDS, (replayId, i) => trial.saveAndExpect(trial.channel(`/${i}`), { replayId })),
  },
  {
    name: "the date is kept, and absent where there was none",
    async proof(trial) {
      await trial.saveAndExpect(trial.channel(), { replayId: "1", createdDate: DATE });
      await trial.saveAndExpect(trial.channel(), { replayId: "2" });
      await trial.saveAndExpect(trial.channel(), { replayId: "3", createdDate: undefined });
      await trial.saveAndExpect(trial.channel(), { replayId: "4", createdDate: "not a date" });
    },
  },
  {
    name: "several saves at once end with the last",
    async proof(trial) {
      const ids = Array.from({ length: 10 }, (_, i) => String(i + 1));
      await Promise.all(ids.map((replayId) => trial.save(trial.channel(), { replayId })));
      await trial.expect(trial.channel(), { replayId: "10" }, "after ten saves at once");
    },
  },
  {
    name: "a load during a save gives the position before it or after it",
    async proof(trial) {
      await trial.saveAndExpect(trial.channel(), { replayId: "before", createdDate: DATE });
      const saving = trial.save(trial.channel(), { replayId: "after" });
      const loaded = await trial.load(trial.channel());
      await saving;
      const whole = loaded?.replayId === "before" ? loaded.createdDate === DATE : loaded?.replayId === "after";
      if (!whole) throw new Error(`a load during a save gave ${show(loaded)}`);
      await trial.expect(trial.channel(), { replayId: "after" }, "after the save");
    },
  },
  {
    name: "changing an object afterwards changes nothing that was saved",
    async proof(trial) {
      const position: Position = { replayId: "1", createdDate: DATE };
      const saving = trial.save(trial.channel(), position);
      position.replayId = "changed during the save";
      await saving;
      position.replayId = "changed after the save";
      await trial.expect(trial.channel(), { replayId: "1", createdDate: DATE }, "after the saved object was changed");
      const loaded = await trial.load(trial.channel());
      if (loaded && !Object.isFrozen(loaded)) loaded.replayId = "changed after the load";
      await trial.expect(trial.channel(), { replayId: "1", createdDate: DATE }, "after the loaded object was changed");
    },
  },
  {
    name: "another store over the same storage has the positions",
    needs: "reopen",
    async proof(trial) {
      const position = { replayId: "17", createdDate: DATE };
      await trial.save(trial.channel("/a"), position);
      const other = await trial.reopen();
      await other.expect(trial.channel("/a"), position, "in another store");
      await other.expect(trial.channel("/b"), undefined, "in another store");
      await other.saveAndExpect(trial.channel("/a"), { replayId: "18" });
    },
  },
  {
    name: 'what makes no sense is "store-invalid", and stays as it is',
    needs: "corrupt",
    async proof(trial) {
      await trial.save(trial.channel("/a"), { replayId: "1" });
      await trial.save(trial.channel("/b"), { replayId: "2" });
      await trial.corrupt(trial.channel("/a"));
      for (const time of ["first", "second"]) {
        const { code, retryable } = await trial.refusal(trial.channel("/a"));
        if (code !== "store-invalid" || retryable) {
          const found = `"${code}"${retryable ? ", retryable" : ""}`;
          throw new Error(`the ${time} load of what makes no sense: expected "store-invalid", got ${found}`);
        }
      }
      await trial.expect(trial.channel("/b"), { replayId: "2" }, "after another channel made no sense");
    },
  },
];

async function keptApart(trial: Trial, ends: readonly string[]): Promise<void> {
  await atOnce(ends, (end, i) => trial.save(trial.channel(end), { replayId: String(i) }));
  await atOnce(ends, (end, i) => trial.expect(trial.channel(end), { replayId: String(i) }, "beside other channels"));
}

async function atOnce<T>(list: readonly T[], work: (item: T, i: number) => Promise<void>): Promise<void> {
  await Promise.all(list.map(work));
}
