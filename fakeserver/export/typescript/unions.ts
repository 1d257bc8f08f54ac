// Alternatives of a schema: what is wrong with the one that was meant.

import { tell, type Breach } from "./bodies.js";

const alike = (one: Breach, other: Breach): boolean =>
  one.keyword === other.keyword && JSON.stringify([one.path, one.wanted]) === JSON.stringify([other.path, other.wanted]);

/** A breach of alternatives by what is wrong with the one that was meant, as far as that can be told. */
export function explain(breach: Breach): Breach[] {
  if (!breach.forms?.length) return [breach];
  let forms = breach.forms.map((form) => tell(form, explain));
  for (const [keywords, levels] of [[["type"], 0], [["const", "enum"], 1]] as const) {
    const telling = forms.map((form) => form.find((each) => (keywords as readonly string[]).includes(each.keyword) && each.path.length <= breach.path.length + levels));
    const meant = forms.filter((_, index) => telling[index] === undefined);
    if (meant.length === 1) return meant[0]!;
    if (!meant.length) return merge(breach, telling as Breach[]);
    forms = meant;
  }
  const shared = forms[0]!.filter((each) => forms.every((form) => form.some((other) => alike(each, other))));
  return shared.length ? shared : [{ ...breach, forms: [] }];
}

function merge(breach: Breach, telling: readonly Breach[]): Breach[] {
  const first = telling[0]!;
  if (telling.some(({ path }) => JSON.stringify(path) !== JSON.stringify(first.path))) return [{ ...breach, forms: [] }];
  const wanted = telling.flatMap((each) => (Array.isArray(each.wanted) && each.keyword !== "const" ? each.wanted : [each.wanted]));
  const different = wanted.filter((each, index) => wanted.findIndex((other) => JSON.stringify(other) === JSON.stringify(each)) === index);
  return [{ ...first, keyword: first.keyword === "type" ? "type" : "enum", wanted: different }];
}
