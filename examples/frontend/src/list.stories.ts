import { listOf } from "./list.js";

interface Args {
  query: string;
  /** What the handlers are asked for: a scenario, or a failure. */
  asked: string;
}

export default {
  title: "List",
  args: { query: "per_page=5", asked: "" },
  loaders: [async ({ args }: { args: Args }) => ({ html: await listOf(args.query, args.asked) })],
  render: (_: Args, { loaded }: { loaded: { html: string } }) => {
    const element = document.createElement("section");
    element.innerHTML = loaded.html;
    return element;
  },
};

export const Full = {};
export const Empty = { args: { asked: "scenario=empty" } };
export const LongTexts = { args: { asked: "scenario=long-text" } };
export const RightToLeft = { args: { asked: "scenario=unicode-rtl" } };
export const Many = { args: { asked: "scenario=many" } };
export const Failing = { args: { asked: "code=503" } };
