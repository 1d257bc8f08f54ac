import { readFileSync } from "node:fs";

import { expect, test, type Page } from "@playwright/test";
import { getResponse } from "msw";

import { handlers } from "../src/mocks/prime/handlers.js";

const API = "https://api.example.com";
const PAGE = "https://page.example.com/";

/** Let handlers answer for an API; nothing of it leaves the machine. */
async function serve(page: Page): Promise<void> {
  const served = handlers(API);
  const open = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*" };
  await page.route(`${API}/**`, async (route) => {
    const request = route.request();
    if (request.method() === "OPTIONS") return route.fulfill({ status: 204, headers: open });
    const init = { method: request.method(), headers: await request.allHeaders(), body: request.postData() };
    const response = (await getResponse(served, new Request(request.url(), init)))!;
    await route.fulfill({ status: response.status, headers: { ...Object.fromEntries(response.headers), ...open }, body: await response.text() });
  });
  await page.route(PAGE, (route) => route.fulfill({ contentType: "text/html", body: readFileSync(new URL("page.html", import.meta.url)) }));
}

test("a page shows what runs, and what was created", async ({ page }) => {
  await serve(page);
  await page.goto(PAGE);
  await expect(page.locator("li")).toHaveCount(3);
  await page.getByRole("button", { name: "New" }).click();
  await expect(page.locator("li").first()).toHaveText("web-1 RUNNING");
});

test("a page says that the list cannot be loaded", async ({ page }) => {
  await serve(page);
  await page.goto(`${PAGE}#code=503`);
  await expect(page.getByRole("alert")).toHaveText("503");
});
