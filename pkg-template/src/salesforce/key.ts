/** Private keys: from PEM to what WebCrypto signs with. Nothing here repeats a part of a key. */
import { CometdError } from "../errors.js";
import { invalid, isObject } from "../options.js";

const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/** Object identifier of rsaEncryption, as DER: what an RSA key in PKCS#8 begins with, nearly. */
const RSA_OID = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/** What is there instead of a private key, by the label of the PEM block. */
const OTHERS: readonly [RegExp, string][] = [
  [/^ENCRYPTED /, "is encrypted: decrypt it first, as in `openssl pkey -in key.pem -out plain.pem`"],
  [/PUBLIC KEY$|CERTIFICATE/, "is a public key or a certificate: the private key that belongs to it is needed"],
  [/^(EC|DSA) /, "is not an RSA key: Salesforce takes RS256 only"],
  [/^OPENSSH /, "is in the format of OpenSSH: convert it, as in `ssh-keygen -p -m PKCS8 -f key`"],
];

/**
 * The key in PKCS#8, as DER.
 *
 * @throws CometdError `"invalid-argument"` that says what is there instead
 */
export function parsePem(given: unknown): Uint8Array<ArrayBuffer> {
  if (typeof given !== "string" || given === "") throw unusable("must be PEM text or a CryptoKey");
  const text = given.replace(/\\r/g, "").replace(/\\n/g, "\n");
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^]*?)-----END \1-----/g)];
  const block = blocks.find(([, label]) => label === "PRIVATE KEY" || label === "RSA PRIVATE KEY");
  if (!block) {
    const label = blocks.at(-1)?.[1] ?? "";
    const other = OTHERS.find(([pattern]) => pattern.test(label));
    throw unusable(other?.[1] ?? "is not PEM: it must hold a whole -----BEGIN PRIVATE KEY----- block");
  }
  const [, label, content = ""] = block;
  if (content.includes("ENCRYPTED")) throw unusable(OTHERS[0]![1]);
  const der = decode(content);
  if (label === "RSA PRIVATE KEY") return wrap(der);
  if (!holdsRsa(der)) throw unusable(OTHERS[2]![1]);
  return der;
}

/** @throws CometdError `"invalid-argument"` if it is one that cannot sign for this */
export function isCryptoKey(given: unknown): given is CryptoKey {
  if (!isObject(given) || !("usages" in given) || !("algorithm" in given)) return false;
  const { algorithm, type, usages } = given as CryptoKey & { algorithm: { hash?: { name?: string } } };
  if (algorithm?.name === ALGORITHM.name && algorithm.hash?.name === ALGORITHM.hash && type === "private") {
    if (usages.includes("sign")) return true;
  }
  throw unusable("must be a private CryptoKey for RSASSA-PKCS1-v1_5 with SHA-256 and the usage `sign`");
}

export async function importKey(der: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  try {
    return await subtle().importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
  } catch (cause) {
    if (cause instanceof CometdError) throw cause;
    // Without the cause: nobody knows what runtimes put in there.
    throw unusable("cannot be imported: it is damaged, or not an RSA key of a usual size");
  }
}

/** @throws CometdError `"login-failed"` where the runtime has none */
export function subtle(): SubtleCrypto {
  const found = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  if (found) return found;
  throw new CometdError("login-failed", "jwtBearer: there is no WebCrypto here; pages have it over https only");
}

function unusable(what: string): CometdError {
  return invalid(`jwtBearer: privateKey ${what}`);
}

function decode(content: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(content.replace(/\s+/g, "")), (char) => char.charCodeAt(0));
  } catch {
    throw unusable("is damaged: what is between BEGIN and END is not base64");
  }
}

function holdsRsa(der: Uint8Array): boolean {
  // Before it: the sequence, its length, the version, the inner sequence.
  const start = der.slice(0, 40);
  return start.some((_, at) => RSA_OID.every((byte, i) => start[at + i] === byte));
}

/** PKCS#1 in PKCS#8: a sequence of version, algorithm, and the old key as it was. */
function wrap(pkcs1: Uint8Array): Uint8Array<ArrayBuffer> {
  const version = [0x02, 0x01, 0x00];
  const algorithm = tagged(0x30, [...RSA_OID, 0x05, 0x00]);
  return Uint8Array.from(tagged(0x30, [...version, ...algorithm, ...tagged(0x04, [...pkcs1])]));
}

/** A value of DER: tag, length, content. */
function tagged(tag: number, content: readonly number[]): number[] {
  const { length } = content;
  if (length < 0x80) return [tag, length, ...content];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [tag, 0x80 | bytes.length, ...bytes, ...content];
}
