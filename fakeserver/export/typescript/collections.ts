// A tenant's documents, newest first: those that the world began with, and over them what was written since.

import { Float, read, write } from "./json.js";
import { compare, instant as instantOf } from "./python.js";
import { Clear, Put, Remove } from "./runtime.js";

/** Documents as lines of cells with tabs between: `#` and the names of fields, for the rows that say how many lines of
 * such names stand before theirs; then rank, instant, id and owner of a document, that number, and a cell of JSON for
 * each field, empty where it is that of the row before with these fields. `rank=index` is that document of the world
 * with another rank. */
export type Lines = string;

export interface Row {
  readonly rank: number;
  /** Microseconds since 1970. */
  readonly instant: number;
  readonly id: string;
  readonly owner: string;
  readonly text: string;
  /** One field, for filters; undefined where there is none. */
  field(name: string): unknown;
  /** The document, for functions. */
  readonly document: Map<string, any>;
  /** What is kept beside it; null of one that does not live by the running clock. */
  readonly kept: Map<string, any> | null;
  readonly storedAt: number;
  readonly seeded: boolean;
  /** The same document in another place, of one that was seeded. */
  at?(rank: number): Row;
}

/** A row, of which only as much is read as somebody asks for. */
function drawn(rank: number, names: readonly string[], cells: readonly string[]): Row {
  const fields: Record<string, unknown> = Object.create(null);
  let [whole, parsed]: [string | undefined, Map<string, any> | undefined] = [undefined, undefined];
  return {
    rank, instant: Number(cells[1]), id: textIn(cells[2]!), owner: textIn(cells[3]!), kept: null, storedAt: 0, seeded: true,
    get text() { return (whole ??= `{${names.map((name, index) => `${JSON.stringify(name)}:${cells[HEAD + index]}`).join(",")}}`); },
    get document() { return (parsed ??= read(this.text)); },
    field: (name) => {
      if (!(name in fields)) {
        const index = names.indexOf(name);
        fields[name] = index < 0 ? undefined : JSON.parse(cells[HEAD + index]!);
      }
      return fields[name];
    },
    at: (other) => drawn(other, names, cells),
  };
}

/** A document that was written, as it is at an instant. */
function written(
  rank: number, { instant, id }: { instant: number; id: string }, owner: string, document: Map<string, any>,
  kept: Map<string, any> | null, storedAt: number,
): Row {
  const text = write(document);
  let fields: Record<string, unknown> | undefined;
  const field = (name: string): unknown => (fields ??= JSON.parse(text) as Record<string, unknown>)[name];
  return { rank, instant, id, owner, document, kept, storedAt, text, field, seeded: false };
}

/** Cells in front of those of fields. */
const HEAD = 5;
const textIn = (cell: string): string => (cell.includes("\\") ? (JSON.parse(cell) as string) : cell.slice(1, -1));

/** The rows of some lines; those that name another row take it from `base`. A page waits for this before its first
 * answer, so that a row costs no more here than its line taken apart. */
export function rowsOf(lines: Lines, base: readonly Row[] = []): Row[] {
  const forms: { names: string[]; last: string[] }[] = [];
  const rows: Row[] = [];
  for (const line of lines.split("\n")) {
    if (line.startsWith("#")) forms.push({ names: JSON.parse(line.slice(1)), last: [] });
    else if (line.includes("\t")) {
      const cells = line.split("\t");
      const form = forms[Number(cells[4])]!;
      for (let at = HEAD; at < cells.length; at++) if (!cells[at]) cells[at] = form.last[at]!;
      form.last = cells;
      rows.push(drawn(Number(cells[0]), form.names, cells));
    } else if (line) {
      const [rank, index] = line.split("=");
      rows.push(base[Number(index)]!.at!(Number(rank)));
    }
  }
  return rows;
}

export const before = (one: { instant: number; id: string }, other: { instant: number; id: string }): number =>
  other.instant - one.instant || compare(one.id, other.id);

/** How documents of a kind are ordered, named and live. */
export interface Kind {
  readonly created: string;
  readonly identity: string;
  readonly machine: any;
}

const FIRST = 2 ** 31;
const STEP = 256;
const NEAR = 16;
const LAST = 2 ** 32 - 1;
const DIGITS = 20;

/** A new document has the id of one that is there. */
export class Taken extends Error {}

/** A tenant's documents of one kind. */
export interface Collection {
  at(now: number): readonly Row[];
  lifeOf(row: Row, now: number): any;
  find(identity: string, now: number, field: string | null): Row | null;
  apply(changes: readonly any[], now: number): void;
  /** How many writes it has seen. */
  writes: number;
}

export function collectionOf(given: readonly Row[], kind: Kind, lifeFrom: (...given: any[]) => any, epoch: number): Collection {
  let rows = [...given];
  const stored = new Map<string, Row>();
  let latest = LAST;
  const found: Collection = { at, lifeOf, find, apply, writes: 0 };
  return found;

  /** All documents as of now. */
  function at(now: number): readonly Row[] {
    if (!stored.size) return rows;
    return rows.flatMap((row) => {
      if (row.kept === null || !kind.machine) return [row];
      const lived = live(row, now);
      if (lived === null) return [];
      return lived.document === row.document ? [row] : [written(row.rank, row, row.owner, lived.document, lived.kept, row.storedAt)];
    });
  }

  /** A row with what is kept of it, as it lives by the running clock from now on; null if it is gone by then. */
  function lifeOf(row: Row, now: number): any {
    if (!kind.machine) return lifeFrom(row.document, new Map(row.kept ?? []));
    if (row.kept !== null) return live(row, now);
    const lived = age(lifeFrom(row.document, new Map()), epoch + row.storedAt, epoch + row.storedAt);
    return lived && kind.machine.put_on_clock(lived, epoch + row.storedAt, Math.max(0, now - epoch - row.storedAt));
  }

  function live(row: Row, now: number): any {
    const last = stored.get(row.id)!;
    const then = epoch + last.storedAt;
    return age(lifeFrom(last.document, new Map([["since", then], ...last.kept!])), then, now);
  }

  function age(life: any, then: number, now: number): any {
    try {
      return kind.machine.live(life, then, now);
    } catch {
      // Its dates cannot be read: the spec leaves some free. Such a document does not age.
      return life;
    }
  }

  function find(identity: string, now: number, field: string | null = null): Row | null {
    return at(now).find((row) => (field === null ? row.id === identity : row.document.get(field) === identity)) ?? null;
  }

  /** Make changes as one, at an instant; `Taken` where a new document has the id of one that is there. */
  function apply(changes: readonly any[], now: number): void {
    for (const change of changes) {
      if (change instanceof Put && change.fresh && rows.some((row) => row.id === placeOf(change.document).id)) throw new Taken();
    }
    for (const change of changes) {
      if (change instanceof Clear) rows = [];
      else if (change instanceof Remove) remove(change.identity);
      else put(change, now);
    }
    found.writes++;
  }

  function placeOf(document: Map<string, any>): { instant: number; id: string } {
    const id = document.get(kind.identity);
    return {
      instant: kind.created ? instantOf(document.get(kind.created)) : 0,
      id: typeof id === "string" ? id : String(id).padStart(DIGITS, "0"),
    };
  }

  function remove(identity: string): void {
    rows = rows.filter((row) => row.id !== identity);
    stored.delete(identity);
  }

  function put(change: any, now: number): void {
    const place = placeOf(change.document);
    const known = rows.findIndex((row) => row.id === place.id);
    const there = known < 0 ? null : rows[known]!;
    const stays = there !== null && there.instant === place.instant;
    if (there && !stays) remove(place.id);
    const next = stays ? known : rows.findIndex((row) => before(place, row) < 0);
    const index = next < 0 ? rows.length : next;
    const rank = stays ? there.rank : rankAt(index);
    const row = written(rank, place, change.owner, change.document, change.kept, now - epoch);
    rows.splice(index, stays ? 1 : 0, row);
    stored.set(place.id, row);
    if (!stays) latest = rank;
  }

  /** A free rank for one more document in this place. */
  function rankAt(index: number): number {
    const [front, behind] = [rows[index - 1]?.rank ?? -1, rows[index]?.rank ?? LAST];
    const half = Math.floor((behind - front) / 2);
    if (front < 0) return behind === LAST ? FIRST : behind - Math.min(STEP, half);
    if (behind === LAST) return front + Math.min(STEP, half);
    if (front === latest) return front + Math.min(NEAR, half);
    return behind === latest ? behind - Math.min(NEAR, half) : front + half;
  }
}

/** Places of documents, in their order. */
export class Ranks {
  constructor(readonly rows: readonly Row[] = []) {}
  get isEmpty(): boolean {
    return !this.rows.length;
  }
  get size(): number {
    return this.rows.length;
  }
  *[Symbol.iterator](): Generator<Row> {
    yield* this.rows;
  }
  at(index: number): Row {
    return this.rows.at(index)!;
  }
  and(other: Ranks): Ranks {
    return new Ranks(this.rows.filter((row) => other.rows.includes(row)));
  }
  or(other: Ranks): Ranks {
    return new Ranks([...new Set([...this.rows, ...other.rows])].sort(before));
  }
  slice(from?: number, to?: number): Row[] {
    return this.rows.slice(from, to);
  }
  minus(other: Ranks): Ranks {
    return new Ranks(this.rows.filter((row) => !other.rows.includes(row)));
  }
}

/** A collection as a function sees it: at one instant. */
export function seenOf(collection: Collection, now: number, epoch: number): any {
  const rows = collection.at(now);
  const among = (holds: (row: Row) => boolean): Ranks => new Ranks(rows.filter(holds));
  return {
    size: rows.length,
    everything: new Ranks(rows),
    filed: (field: string, _: unknown, key: unknown) => among((row) => sameKey(row.document.get(field) ?? null, key)),
    owned_by: (owner: string) => among((row) => row.owner === owner),
    postings: (field: string) => {
      const found = new Map<unknown, Row[]>();
      for (const row of rows) {
        const key = row.document.get(field) ?? null;
        found.set(key, [...(found.get(key) ?? []), row]);
      }
      return new Map([...found].map(([key, some]) => [key, new Ranks(some)]));
    },
    documents: () => rows.map((row) => row.document),
    document: (row: Row) => row.document,
    owner: (row: Row) => row.owner,
    order: (row: Row) => [-row.instant, row.id],
    life: (row: Row, offset: number) => collection.lifeOf(row, epoch + offset),
  };
}

const sameKey = (one: unknown, other: unknown): boolean =>
  one === other || (one instanceof Float && one.value === other);
