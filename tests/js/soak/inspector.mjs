// Asks V8's inspector in workerd for the size of the heap. Its protocol is JSON over WebSocket, of which this is as much
// as one question and its answer need.

import http from "node:http";

const TEXT = 0x81;
const MASKED = 0x80;

/** A worker that has nothing to do at all answers nothing. */
const LIMIT_MS = 10_000;

/** The bytes that a worker's heap holds once it was collected. `base`: as miniflare's `getInspectorURL()` has it. */
export async function heapBytes(base) {
  const socket = await open(new URL("/core:user:", base));
  try {
    await ask(socket, 1, "HeapProfiler.collectGarbage");
    return (await ask(socket, 2, "Runtime.getHeapUsage")).usedSize;
  } finally {
    socket.destroy();
  }
}

function open({ hostname, port, pathname }) {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
  };
  return new Promise((resolve, reject) => {
    const request = http.get({ hostname, port, path: pathname, headers, agent: false });
    request.once("upgrade", (_, socket) => resolve(socket));
    request.once("response", ({ statusCode }) => reject(new Error(`the inspector answers ${statusCode}`)));
    request.once("error", reject);
  });
}

/** What else the inspector has to say is passed over. */
function ask(socket, id, method) {
  const payload = Buffer.from(JSON.stringify({ id, method }));
  // A mask of zeros leaves the text as it is.
  socket.write(Buffer.concat([Buffer.from([TEXT, MASKED | payload.length, 0, 0, 0, 0]), payload]));
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => done(reject, new Error("the inspector says nothing")), LIMIT_MS);
    const done = (settle, value) => {
      clearTimeout(timer);
      socket.off("data", more).off("close", closed);
      settle(value);
    };
    const closed = () => done(reject, new Error("the inspector has hung up"));
    const more = (bytes) => {
      received = Buffer.concat([received, bytes]);
      for (let frame = first(received); frame; frame = first(received)) {
        received = received.subarray(frame.end);
        const { id: answers, result, error } = JSON.parse(frame.text);
        if (answers === id && error) return done(reject, new Error(error.message));
        if (answers === id) return done(resolve, result);
      }
      return undefined;
    };
    socket.on("data", more).on("close", closed);
  });
}

/** The first frame, if all of it is there. The server's are not masked. */
function first(bytes) {
  if (bytes.length < 2) return undefined;
  let [start, length] = [2, bytes[1]];
  const wide = { 126: 2, 127: 8 }[length] ?? 0;
  if (bytes.length < start + wide) return undefined;
  if (wide) length = wide === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  start += wide;
  const end = start + length;
  return bytes.length < end ? undefined : { text: bytes.toString("utf8", start, end), end };
}
