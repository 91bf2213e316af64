/** Bodies that come compressed. */
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";

export type Decoder = Transform & zlib.Zlib;

/** What can be read is given out at once: an event in a poll that stays open must not wait for what comes behind it. */
const AT_ONCE = { flush: zlib.constants.Z_SYNC_FLUSH };

/**
 * Makes the decoder for a `Content-Encoding` by the first bytes of the body; `undefined` where there is nothing to decode.
 * To the decoder a body that ends too early is an error.
 *
 * @throws TypeError this Node cannot read it
 */
export function decoderFor(encoding = ""): ((first: Uint8Array) => Decoder) | undefined {
  const codings = encoding.split(",").map((coding) => coding.trim().toLowerCase());
  const coding = codings.filter((one) => one !== "" && one !== "identity").join(", ");
  if (coding === "") return undefined;
  if (coding === "gzip" || coding === "x-gzip") return () => zlib.createGunzip(AT_ONCE);
  if (coding === "br") return () => zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH });
  // Since Node 22.15.
  if (coding === "zstd" && typeof zlib.createZstdDecompress === "function") return () => zlib.createZstdDecompress();
  if (coding === "deflate") {
    // It means the format of zlib, whose first byte ends in 8; some servers send the bare one.
    return ([first = 0]) => ((first & 0x0f) === 8 ? zlib.createInflate(AT_ONCE) : zlib.createInflateRaw(AT_ONCE));
  }
  throw new TypeError(`the body is compressed as ${coding}, which this version of Node cannot read`);
}
