// What a provider's own functions are shown and answer (`functions.ts`): problems, results, writes and new ids.

import { sha256 } from "./hashes.js";
import type { Ranks } from "./collections.js";
import { intOf } from "./json.js";
import type { Order, Place } from "./listing.js";
import * as py from "./python.js";

const NEWEST: Order = { name: "newest first", backwards: false, field: null };

/** What an effect sets a field to that is left out from then on. */
export const ABSENT = Symbol("absent");
/** An input that nobody kept. */
export const UNKNOWN = Symbol("unknown");

/** One reason for a refusal. */
export class Issue extends py.record("loc msg type input context known", () => ({ input: UNKNOWN, context: new Map(), known: [] })) {
  get field(): string {
    const [where, ...names] = this["loc"];
    return names.map(py.str).join(".") || py.str(where);
  }
}

/** A refusal, in no provider's dialect yet. */
export class Problem extends py.Exception {
  declare operation: string;
  declare readonly status: number;
  declare readonly kind: string;
  declare readonly detail: string;
  declare readonly issues: readonly Issue[];
  declare readonly headers: Map<string, string>;
  constructor(status: number, kind: string, detail: string, issues: Iterable<Issue> = [], headers: Map<string, string> | null = null) {
    super(detail);
    Object.assign(this, { status, kind, detail, operation: "", issues: [...issues], headers: new Map(headers ?? []) });
  }
}

/** A refusal by the fake itself, never in the provider's dialect. */
export class FakeProblem extends Error {
  declare readonly status: number;
  declare readonly detail: string;
  declare readonly field: string;
  constructor(status: number, detail: string, field = "") {
    super(detail);
    Object.assign(this, { status, detail, field });
  }
}

export class ValueRefused extends py.Exception {
  declare readonly msg: string;
  declare readonly type: string;
  declare readonly context: Map<string, any>;
  constructor(msg: string, type: string, context: Map<string, any> = new Map()) {
    super(msg);
    Object.assign(this, { msg, type, context });
  }
}

export class Result extends py.record("status body writes headers media_type job", () => ({ body: "", writes: [], media_type: "" })) {}
export class Write extends py.record("tenant changes kind", () => ({ kind: "" })) {}
export class Put extends py.record("document owner ordinal kept fresh", () => ({ fresh: false })) {}
export class Remove extends py.record("identity ordinal") {}
export class Clear {}

/** The table of a state machine, with its functions by their names; and by state, how it ends and what happens then by
 * itself. */
export function stepsOf(kind: any, rows: readonly any[], named: { readonly [name: string]: any }): any {
  const transitions = rows.map((row) => {
    const [effect, keeps, due] = [row.effect, row.keeps, row.due].map((name) => named[name] ?? null);
    return py.made(kind, { ...row, effect, keeps, due });
  });
  const [passing, due] = [new Map<string, any[]>(), new Map<string, any[]>()];
  for (const row of transitions) {
    for (const state of new Set<string>(row.source)) {
      if (row.seconds !== null) py.append(py.setdefault(passing, state, []), row);
      if (row.due !== null && !row.outcome) py.append(py.setdefault(due, state, []), [row.due, row]);
    }
  }
  return { transitions, passing, due };
}

/** Places of documents, in their order. */
export { Ranks as BitMap } from "./collections.js";

/** What a page depends on besides rows and values. */
export class Context extends py.record("issuer tenant question query") {}

/** A page of some documents that a function has found. */
export function page(place: Place, position: any, found: Ranks, values: Map<string, any>, _: any, context: Context): any {
  const asked = Object.fromEntries([...values].map(([name, value]) => [name, py.isInt(value) ? BigInt(value) : value]));
  const { sent, ...facts } = place(position, { rows: found.rows, total: BigInt(found.size), values: asked, context, order: NEWEST, step: py.itself });
  const known = Object.entries(facts).map(([name, value]) => [name, typeof value === "bigint" ? intOf(value) : value]);
  return { ranks: sent, total: found.size, ...Object.fromEntries(known) };
}

/** The document of a tenant that has this id; null if there is none. */
export const findRecord = (view: any, tenant: string, identity: any, kind: any = "", options: { field?: string | null } = {}): any =>
  typeof kind === "string" ? view.find(tenant, identity, kind, options.field ?? null) : view.find(tenant, identity, "", kind.field ?? null);

/** Texts for new documents; the same requests in the same world come to the same ones. */
class Mint {
  constructor(private readonly seed: Uint8Array) {}
  private bytes(field: string, size: number): Uint8Array {
    return sha256(py.add(this.seed, py.encode(field))).slice(0, size);
  }
  uuid(field: string): string {
    return py.uuid({ bytes: this.bytes(field, 16), version: 4 });
  }
  letters(field: string, count: number): string {
    return py.lettersOf(this.bytes(field, count));
  }
  hex(field: string, digits: number): string {
    return py.hexOf(this.bytes(field, Math.floor((digits + 1) / 2))).slice(0, digits);
  }
  below(field: string, limit: number): number {
    return Number(BigInt(`0x${py.hexOf(this.bytes(field, 8))}`) % BigInt(limit));
  }
}

export function mint(view: any, tenant: string, ...parts: string[]): Mint {
  const { issuer, now, attempt } = view;
  const name = [tenant, issuer.writes, now, attempt, ...parts].map(String).join("\x1f");
  return new Mint(sha256(py.add(issuer.secret, py.encode(name))));
}
