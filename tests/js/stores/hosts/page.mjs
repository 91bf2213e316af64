// The stores in a page, unbundled.

import { CometdError } from "cometd-edge";
import { everywhere } from "../cases/everywhere.mjs";
import { indexedDbCases, indexedDbCasesWithoutRoom } from "../cases/indexed-db.mjs";
import { runCases } from "../cases/registry.mjs";
import { webStorageCases } from "../cases/web-storage.mjs";

const run = (cases, grep) => runCases(cases, { grep, report: (result) => globalThis.report(result) });

globalThis.suite = {
  run: (grep) =>
    run(
      [
        ...everywhere,
        ...webStorageCases("localStorage", localStorage, CometdError),
        ...webStorageCases("sessionStorage", sessionStorage, CometdError),
        ...indexedDbCases(CometdError),
      ],
      grep,
    ),
  runWithoutRoom: (grep) => run(indexedDbCasesWithoutRoom(CometdError), grep),
};
