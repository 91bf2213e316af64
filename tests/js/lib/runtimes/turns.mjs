// Runs cases from outside, for the runtimes that are asked for one case at a time.

/** A host that gave no result in this time has lost the case; its own limit lies far below. */
const LOST_MS = 180_000;

/**
 * @param {{ name: string, alone: boolean }[]} list
 * @param {{ width: number, one(name: string, turn: number, lane: number): Promise<object>, report(result): void }} how
 */
export async function inTurn(list, { width, one, report }) {
  let turn = 0;
  const guarded = async ({ name }, lane) => {
    let timer;
    const lost = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("the runtime gave no result")), LOST_MS);
    });
    const failed = (error) => ({ name, ok: false, ms: 0, error: String(error?.stack ?? error) });
    report(await Promise.race([one(name, (turn += 1), lane), lost]).catch(failed));
    clearTimeout(timer);
  };
  const together = list.filter(({ alone }) => !alone);
  const runLane = async (lane) => {
    for (let next = together.shift(); next; next = together.shift()) await guarded(next, lane);
  };
  await Promise.all(Array.from({ length: width }, (_, lane) => runLane(lane)));
  for (const next of list.filter(({ alone }) => alone)) await guarded(next, 0);
}
