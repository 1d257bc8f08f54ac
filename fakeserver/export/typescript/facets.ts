// Facets: how many of the found documents have each value.

import type { Row } from "./collections.js";
import { write } from "./json.js";
import * as py from "./python.js";

export interface Facet {
  readonly name: string;
  readonly field: string;
  readonly tie: string;
}

/** How many of the found documents have each value; `bucketOf` is the entry that a document would name. */
export function countFacets(facets: readonly Facet[], found: readonly Row[], bucketOf: (facet: Facet, row: Row) => Map<string, any>): string {
  const lists = facets.map((facet) => {
    const values = new Map<string, { count: number; newest: Row }>();
    for (const row of found) {
      const value = row.field(facet.field) ?? null;
      if (value === null) continue;
      const known = values.get(JSON.stringify(value));
      if (known) known.count++;
      else values.set(JSON.stringify(value), { count: 1, newest: row });
    }
    const buckets = [...values.values()].map(({ count, newest }) => ({ count, bucket: bucketOf(facet, newest) }));
    const tie = (bucket: Map<string, any>): string => py.str(py.or(bucket.get(facet.tie), () => ""));
    buckets.sort((a, b) => b.count - a.count || py.compare(tie(a.bucket), tie(b.bucket)));
    return `${JSON.stringify(facet.name)}:${write(buckets.map(({ count, bucket }) => new Map([["count", count], ...bucket])))}`;
  });
  return `{${lists.join(",")}}`;
}
