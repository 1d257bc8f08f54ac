import { getResponse } from "msw";
import { beforeEach, expect, test, vi } from "vitest";

import { API, create, listOf } from "./list.js";
import { handlers } from "./mocks/prime/handlers.js";

beforeEach(() => {
  // A world of its own for each test. In Node 22 it can be `setupServer(...handlers(API)).listen()` of `msw/node`.
  const served = handlers(API);
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => getResponse(served, new Request(url, init)));
});

test("rows that run", async () => {
  const shown = await listOf("status=RUNNING&per_page=2");
  expect(shown.match(/<li>/g)).toHaveLength(2);
  expect(shown.match(/RUNNING/g)).toHaveLength(2);
});

test("nothing to show", async () => {
  expect(await listOf("", "scenario=empty")).toBe("<p>No sandboxes yet.</p>");
});

test("a failure", async () => {
  expect(await listOf("", "code=503")).toContain("cannot be loaded (503)");
});

test("what is created is shown first, in this test's world alone", async () => {
  const { name, status } = await create("web-<1>");
  expect([name, status]).toEqual(["web-<1>", "PENDING"]);
  expect(await listOf("per_page=1")).toContain("<li><b>web-&#60;1&#62;</b> RUNNING</li>");
});

test("the next test begins anew", async () => {
  expect(await listOf("per_page=1")).not.toContain("web-");
});
