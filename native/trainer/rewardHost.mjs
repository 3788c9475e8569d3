// Runs a user's JavaScript reward for the trainer, in a process of its own: `node reward-host.mjs FILE`.
// One JSON line in ({prompts, completions, columns}), one out ({rewards} or {error}); first of all {ready: true}.
// What the module prints goes to stderr, so that it cannot be taken for an answer.
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
const send = (message) => answer(`${JSON.stringify(message)}\n`);
const reason = (error) =>
  error instanceof Error ? error.message : String(error);

let reward;
try {
  const module = await import(pathToFileURL(resolve(process.argv[2])).href);
  reward = module.default ?? module.reward;
  if (typeof reward !== "function")
    throw new Error("it has no `export default function reward`");
  send({ ready: true });
} catch (error) {
  send({ error: reason(error) });
  process.exit(1);
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { prompts, completions, columns } = JSON.parse(line);
    const rewards = await reward({ ...columns, prompts, completions });
    send({ rewards: Array.from(rewards, Number) });
  } catch (error) {
    send({ error: reason(error) });
  }
}
