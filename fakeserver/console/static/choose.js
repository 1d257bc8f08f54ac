// Which provider and which operation: two choices that several views begin with.

import { providerOf, providers, specOf } from "./api.js";
import { field, h, select } from "./dom.js";
import { go } from "./route.js";
import { listsOf, operationsOf } from "./spec.js";

// What a path chooses, with its choices to be shown; `among` says which operations there are to choose from.
export async function choose(view, [slug, id], among = "all") {
  const all = await providers();
  const provider = await providerOf(slug ?? all[0].provider);
  const spec = await specOf(provider.provider);
  const operations = operationsOf(spec, provider);
  const choices = among === "lists" ? listsOf(spec, operations) : operations;
  const operation = choices.find((each) => each.id === id) ?? choices.find((each) => each.meaning === "listing") ?? choices[0];
  const bar = h("div", { class: "bar" },
    field("Provider", select(all.map((each) => each.provider), provider.provider, (chosen) => go([view, chosen], []))),
    field(among === "lists" ? "List" : "Operation", select(choices.map((each) => [each.id, `${each.id} (${each.method} ${each.path})`]), operation.id,
      (chosen) => go([view, provider.provider, chosen], []))));
  return { provider, spec, operations, operation, bar };
}
