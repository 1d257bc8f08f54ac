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
}

/** A row, of which only as much is read as somebody asks for. */
class Drawn implements Row {
  readonly kept = null;
  readonly storedAt = 0;
  readonly seeded = true;
  private whole: string | undefined;
  private parsed: Map<string, any> | undefined;
  private readonly fields: Record<string, unknown> = Object.create(null);
  constructor(
    readonly rank: number, readonly instant: number, readonly id: string, readonly owner: string,
    private readonly names: readonly string[], private readonly cells: readonly string[],
  ) {}
  private cell(index: number): string {
    return this.cells[HEAD + index]!;
  }
  /** The same document in another place. */
  at(rank: number): Drawn {
    return new Drawn(rank, this.instant, this.id, this.owner, this.names, this.cells);
  }
  get text(): string {
    return (this.whole ??= `{${this.names.map((name, index) => `${JSON.stringify(name)}:${this.cell(index)}`).join(",")}}`);
  }
  field(name: string): unknown {
    if (!(name in this.fields)) {
      const index = this.names.indexOf(name);
      this.fields[name] = index < 0 ? undefined : JSON.parse(this.cell(index));
    }
    return this.fields[name];
  }
  get document(): Map<string, any> {
    return (this.parsed ??= read(this.text));
  }
}

/** A document that was written, as it is at an instant. */
class Written implements Row {
  readonly seeded = false;
  readonly text: string;
  private fields: Record<string, unknown> | undefined;
  constructor(
    readonly rank: number, readonly instant: number, readonly id: string, readonly owner: string,
    readonly document: Map<string, any>, readonly kept: Map<string, any> | null, readonly storedAt: number,
  ) {
    this.text = write(document);
  }
  field(name: string): unknown {
    return (this.fields ??= JSON.parse(this.text) as Record<string, unknown>)[name];
  }
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
      rows.push(new Drawn(Number(cells[0]), Number(cells[1]), textIn(cells[2]!), textIn(cells[3]!), form.names, cells));
    } else if (line) {
      const [rank, index] = line.split("=");
      rows.push((base[Number(index)] as Drawn).at(Number(rank)));
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

export class Collection {
  private rows: Row[];
  private written = new Map<string, Written>();
  private last = LAST;
  /** How many writes it has seen. */
  writes = 0;

  constructor(
    rows: readonly Row[], private readonly kindOf: () => Kind, private readonly life: (...given: any[]) => any,
    private readonly epoch: number,
  ) {
    this.rows = [...rows];
  }

  private get kind(): Kind {
    return this.kindOf();
  }

  /** All documents as of now. */
  at(now: number): readonly Row[] {
    if (!this.written.size) return this.rows;
    return this.rows.flatMap((row) => {
      if (row.kept === null || !this.kind.machine) return [row];
      const lived = this.live(row, now);
      if (lived === null) return [];
      return lived.document === row.document ? [row] : [new Written(row.rank, row.instant, row.id, row.owner, lived.document, lived.kept, row.storedAt)];
    });
  }

  /** A row with what is kept of it, as it lives by the running clock from now on; null if it is gone by then. */
  lifeOf(row: Row, now: number): any {
    if (!this.kind.machine) return this.life(row.document, new Map(row.kept ?? []));
    if (row.kept !== null) return this.live(row, now);
    const lived = this.lived(this.life(row.document, new Map()), this.epoch + row.storedAt, this.epoch + row.storedAt);
    return lived && this.kind.machine.put_on_clock(lived, this.epoch + row.storedAt, Math.max(0, now - this.epoch - row.storedAt));
  }

  private live(row: Row, now: number): any {
    const stored = this.written.get(row.id)!;
    const then = this.epoch + stored.storedAt;
    return this.lived(this.life(stored.document, new Map([["since", then], ...stored.kept!])), then, now);
  }

  private lived(life: any, then: number, now: number): any {
    try {
      return this.kind.machine.live(life, then, now);
    } catch {
      // Its dates cannot be read: the spec leaves some free. Such a document does not age.
      return life;
    }
  }

  find(identity: string, now: number, field: string | null = null): Row | null {
    return this.at(now).find((row) => (field === null ? row.id === identity : row.document.get(field) === identity)) ?? null;
  }

  /** Make changes as one, at an instant; `Taken` where a new document has the id of one that is there. */
  apply(changes: readonly (Put | Remove | Clear)[], now: number): void {
    for (const change of changes) {
      if (change instanceof Put && change.fresh && this.rows.some((row) => row.id === this.placeOf(change.document).id)) throw new Taken();
    }
    for (const change of changes) {
      if (change instanceof Clear) this.rows = [];
      else if (change instanceof Remove) this.remove(change.identity);
      else this.put(change, now);
    }
    this.writes++;
  }

  private placeOf(document: Map<string, any>): { instant: number; id: string } {
    const id = document.get(this.kind.identity);
    return {
      instant: this.kind.created ? instantOf(document.get(this.kind.created)) : 0,
      id: typeof id === "string" ? id : String(id).padStart(DIGITS, "0"),
    };
  }

  private remove(identity: string): void {
    this.rows = this.rows.filter((row) => row.id !== identity);
    this.written.delete(identity);
  }

  private put(change: Put, now: number): void {
    const place = this.placeOf(change.document);
    const known = this.rows.findIndex((row) => row.id === place.id);
    const there = known < 0 ? null : this.rows[known]!;
    const stays = there !== null && there.instant === place.instant;
    if (there && !stays) this.remove(place.id);
    const at = stays ? known : this.rows.findIndex((row) => before(place, row) < 0);
    const index = at < 0 ? this.rows.length : at;
    const rank = stays ? there.rank : this.rankAt(index);
    const row = new Written(rank, place.instant, place.id, change.owner, change.document, change.kept, now - this.epoch);
    this.rows.splice(index, stays ? 1 : 0, row);
    this.written.set(place.id, row);
    if (!stays) this.last = rank;
  }

  /** A free rank for one more document in this place. */
  private rankAt(index: number): number {
    const [front, behind] = [this.rows[index - 1]?.rank ?? -1, this.rows[index]?.rank ?? LAST];
    const half = Math.floor((behind - front) / 2);
    if (front < 0) return behind === LAST ? FIRST : behind - Math.min(STEP, half);
    if (behind === LAST) return front + Math.min(STEP, half);
    if (front === this.last) return front + Math.min(NEAR, half);
    return behind === this.last ? behind - Math.min(NEAR, half) : front + half;
  }
}

/** Places of documents, in their order. */
export class Ranks {
  constructor(readonly rows: readonly Row[]) {}
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
export class Seen {
  readonly rows: readonly Row[];
  constructor(private readonly collection: Collection, private readonly now: number, private readonly epoch: number) {
    this.rows = collection.at(now);
  }
  get size(): number {
    return this.rows.length;
  }
  get everything(): Ranks {
    return new Ranks(this.rows);
  }
  filed(field: string, _: unknown, key: unknown): Ranks {
    return new Ranks(this.rows.filter((row) => sameKey(row.document.get(field) ?? null, key)));
  }
  owned_by(owner: string): Ranks {
    return new Ranks(this.rows.filter((row) => row.owner === owner));
  }
  postings(field: string): Map<unknown, Ranks> {
    const found = new Map<unknown, Row[]>();
    for (const row of this.rows) {
      const key = row.document.get(field) ?? null;
      found.set(key, [...(found.get(key) ?? []), row]);
    }
    return new Map([...found].map(([key, rows]) => [key, new Ranks(rows)]));
  }
  documents(): Map<string, any>[] {
    return this.rows.map((row) => row.document);
  }
  document(row: Row): Map<string, any> {
    return row.document;
  }
  owner(row: Row): string {
    return row.owner;
  }
  order(row: Row): [number, string] {
    return [-row.instant, row.id];
  }
  life(row: Row, offset: number): any {
    return this.collection.lifeOf(row, this.epoch + offset);
  }
}

const sameKey = (one: unknown, other: unknown): boolean =>
  one === other || (one instanceof Float && one.value === other);
