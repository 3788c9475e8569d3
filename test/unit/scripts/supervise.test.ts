/** Nothing that a server started may outlive whoever started the server, even where a process ignores SIGTERM. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { root } from "../../../scripts/steps.mjs";

/** Starts a stubborn child of its own, prints both process ids, and goes on. */
const STUBBORN = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => console.log(process.pid + " " + child.pid));
  setInterval(() => {}, 1000);
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.skipIf(process.platform === "win32")(
  "closing the supervisor's input ends the whole group",
  async () => {
    const supervisor = spawn(
      process.execPath,
      [
        join(root, "scripts", "supervise.mjs"),
        process.execPath,
        "-e",
        STUBBORN,
      ],
      { detached: true, stdio: ["pipe", "pipe", "inherit"] },
    );
    const [output] = (await once(supervisor.stdout, "data")) as [Buffer];
    const pids = output.toString().trim().split(" ").map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);

    supervisor.stdin.end();
    await once(supervisor, "exit");
    // The kernel may take a moment to bury what it killed.
    for (let tries = 0; pids.some(isAlive) && tries < 50; tries += 1) {
      await sleep(100);
    }
    expect(pids.map(isAlive)).toEqual([false, false]);
  },
  30_000,
);
