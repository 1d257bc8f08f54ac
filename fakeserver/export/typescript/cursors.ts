// Pages behind cursors: bound to their question, and signed.

import type { Row } from "./collections.js";
import { hmacSha256 } from "./hashes.js";
import type { Place } from "./listing.js";
import { cut } from "./positions.js";
import * as py from "./python.js";
import { Issue, Problem, type Context } from "./runtime.js";

const TAG_BYTES = 12;
const PLACE_BYTES = 20;
const LONGEST_CURSOR = 512;
const ascending = (one: Row, other: Row): number => other.instant - one.instant || py.compare(one.id, other.id);

export const cursor: Place = (position, { rows, total, values, context, order, step }) => {
  const [size, text] = [values[position.limit] as bigint, values[position.cursor] as string | null];
  const limit = step(size);
  const binding = `(${py.repr(context.tenant)}, ${py.repr(context.question)}, ${py.repr(order.name)}, ${context.issuer.epoch})`;
  let start = 0;
  if (text !== null) {
    const place = unseal(text, context, binding, position);
    const behind = rows.findIndex((row) => (order.backwards ? ascending(row, place) < 0 : ascending(row, place) > 0));
    start = behind < 0 ? rows.length : behind;
  }
  const sent = cut(rows, BigInt(start), limit);
  const next = BigInt(start) + limit < total ? seal(sent[sent.length - 1]!, context, binding) : null;
  return { sent, size, next, has_next: next !== null };
};

function tagOf(binding: string, plain: Uint8Array, secret: Uint8Array): Uint8Array {
  return hmacSha256(secret, py.add(py.encode(binding), plain)).slice(0, TAG_BYTES);
}

/** The cursor behind a row. */
function seal(row: Row, { issuer }: Context, binding: string): string {
  const id = py.encode(row.id);
  const plain = new Uint8Array(PLACE_BYTES + id.length);
  const view = new DataView(plain.buffer);
  view.setUint32(0, row.rank);
  view.setBigInt64(4, -BigInt(row.instant));
  view.setBigInt64(12, BigInt(issuer.as_of));
  plain.set(id, PLACE_BYTES);
  return base64([...tagOf(binding, plain, issuer.secret), ...plain]);
}

/** The place of a cursor's row, or a refusal. */
function unseal(text: string, { issuer }: Context, binding: string, { cursor, refusals }: any): Row {
  const refuse = (detail: string): Problem =>
    new Problem(400, "bad_cursor", detail, [new Issue(["query", cursor], detail, "invalid_cursor")]);
  let bytes: Uint8Array;
  try {
    if (text.length > LONGEST_CURSOR || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("no cursor");
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    if (base64([...bytes]) !== text) throw new Error("no cursor");
  } catch {
    throw refuse(refusals.malformed);
  }
  const plain = bytes.subarray(TAG_BYTES);
  const signed = plain.length > PLACE_BYTES && base64([...tagOf(binding, plain, issuer.secret)]) === base64([...bytes.subarray(0, TAG_BYTES)]);
  if (!signed) throw refuse(refusals.foreign);
  const instant = -Number(new DataView(plain.buffer, plain.byteOffset).getBigInt64(4));
  return { instant, id: py.decode(plain.subarray(PLACE_BYTES)) } as Row;
}

const base64 = (bytes: number[]): string => py.decode(py.base64(Uint8Array.from(bytes))).replaceAll("=", "");
