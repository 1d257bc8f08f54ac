import { defineConfig } from "@playwright/test";

// CHROMIUM is a browser that is installed already; without it Playwright takes its own.
const executablePath = process.env["CHROMIUM"];

export default defineConfig({
  testDir: "e2e",
  workers: 1,
  reporter: "line",
  use: { launchOptions: { executablePath, args: executablePath ? ["--no-sandbox"] : [] }, serviceWorkers: "block" },
});
