// Sends a fixed set of events with the version of posthog-node that is named, and says what it complained about.
import process from "node:process";

const [name, host, token] = process.argv.slice(2);
const { PostHog } = await import(name);
const complaints = [];
// The library does not keep the process alive while it waits to send again.
const alive = setInterval(() => {}, 100);
for (const level of ["error", "warn"]) console[level] = (...words) => complaints.push(`${level}: ${words.join(" ")}`);

const client = new PostHog(token, { host, flushAt: 20, flushInterval: 100 });
client.on?.("error", (error) => complaints.push(`error event: ${error}`));
// More than one event may have; the others of its batch are not to suffer for it.
if (process.env.TOO_LARGE) {
  client.capture({ distinctId: "anon-0", event: "too large", properties: { text: "x".repeat(1_100_000) } });
}
for (let n = 0; n < 200; n++) {
  client.capture({ distinctId: `anon-${n % 10}`, event: "viewed", properties: { n }, groups: { company: `c${n % 3}` } });
}
for (let n = 0; n < 10; n++) {
  client.identify({ distinctId: `user-${n}`, properties: { email: `user-${n}@example.com` } });
  client.alias({ distinctId: `user-${n}`, alias: `anon-${n}` });
}
client.groupIdentify({ groupType: "company", groupKey: "c0", properties: { name: "Acme" } });
// The newer of the two ways, where there is one: the older one complains about itself.
const flag = client.evaluateFlags
  ? (await client.evaluateFlags("user-0")).getFlag("beta")
  : await client.getFeatureFlag("beta", "user-0", { sendFeatureFlagEvents: false });
await client.shutdown();
clearInterval(alive);
process.stdout.write(JSON.stringify({ complaints, flag: flag ?? null }));
