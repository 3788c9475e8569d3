// Runs a program in a process group of its own, and ends the whole group when its standard input is closed.
//
// Why: whoever starts a server holds the other end of that pipe. When it goes away, even by SIGKILL, the pipe closes
// and nothing of the server is left behind. Started with `detached: true`, so this process leads the group.
//
// Usage: node supervise.mjs COMMAND [ARGUMENT ...]
import { spawn } from "node:child_process";

/** How long the group may take to end by itself before SIGKILL. */
const PATIENCE_MS = 4000;
/** How long the program's own children may take once it is gone. */
const LEFTOVERS_MS = 500;

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
let ending = false;

/** Asks the group to end, and ends it, with this process, after `patience` milliseconds. */
function endGroup(patience) {
  // SIGTERM reaches this process too: by then `ending` is set, and it waits.
  setTimeout(() => process.kill(-process.pid, "SIGKILL"), patience);
  if (ending) return;
  ending = true;
  process.kill(-process.pid, "SIGTERM");
}

process.on("SIGTERM", () => ending || endGroup(PATIENCE_MS));
process.on("SIGINT", () => ending || endGroup(PATIENCE_MS));
process.stdin.on("end", () => endGroup(PATIENCE_MS));
process.stdin.on("error", () => endGroup(PATIENCE_MS));
process.stdin.resume();

child.on("error", (error) => {
  console.error(`${command} did not start: ${error.message}`);
  process.exit(127);
});
child.on("exit", () => endGroup(LEFTOVERS_MS));
