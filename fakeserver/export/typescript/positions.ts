// Where pages begin and end, by kind.

import type { Row } from "./collections.js";
import type { Place } from "./listing.js";

export const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);

export function cut(rows: readonly Row[], offset: bigint, count: bigint): readonly Row[] {
  if (offset >= BigInt(rows.length) || count <= 0n) return [];
  return rows.slice(Number(offset), Number(least(offset + count, BigInt(rows.length))));
}

export const everything: Place = (_, { rows }) => ({ sent: rows });

export const first: Place = ({ limit }, { rows, values }) => ({ sent: cut(rows, 0n, values[limit] as bigint), size: values[limit] });

export const window: Place = ({ most, limit, offset: from }, { rows, total, values, step }) => {
  const given = values[limit] as bigint | null;
  const offset = (values[from] as bigint | null) ?? 0n;
  const size = given === null ? null : least(given, BigInt(most));
  const sent = cut(rows, offset, size === null ? total : step(size));
  return { sent, size, offset, has_next: offset + BigInt(sent.length) < total };
};

export const numbered: Place = ({ number, size: of }, { rows, total, values, step }) => {
  const [page, size] = [values[number] as bigint, values[of] as bigint];
  const length = step(size);
  const offset = (page - 1n) * length;
  const sent = cut(rows, offset, length);
  return { sent, size, page, offset, pages: (total + length - 1n) / length, has_next: page * length < total };
};
