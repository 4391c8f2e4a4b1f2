// Opens a page in a real Chromium, uses it, leaves it, and says what it complained about.
import process from "node:process";
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
// The library takes a headless browser for a robot by its name.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
const page = await (await browser.newContext({ userAgent })).newPage();
const complaints = [];
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
});
page.on("pageerror", (error) => complaints.push(`page error: ${error}`));
page.on("requestfailed", (request) => {
  // What is under way when the page is left may be cut off after it was sent.
  if (!leaving) complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
});
let leaving = false;
await page.goto(url);
await page.waitForFunction(() => window.started && window.posthog.__loaded);
// Autocapture starts with the remote configuration.
await page.waitForFunction(() => window.posthog.autocapture?.isEnabled ?? true, null, { timeout: 15000 });
await page.waitForTimeout(500);
await page.click("#buy");
await page.evaluate(() => {
  window.posthog.capture("bought", { price: 5 });
  window.posthog.identify("user-1", { email: "user-1@example.com" });
  window.posthog.group("company", "acme", { name: "Acme" });
  window.posthog.capture("bought again", { price: 6 });
});
const anonymous = await page.evaluate(() => window.anonymous);
// Longer than the library gathers events for, and than it waits after a failure.
await page.waitForTimeout(Number(process.env.PATIENCE_MS ?? 4000));
await page.evaluate(() => window.posthog.capture("last words"));
leaving = true;
await page.goto("about:blank");
await page.waitForTimeout(1000);
await browser.close();
process.stdout.write(JSON.stringify({ complaints, anonymous }));
