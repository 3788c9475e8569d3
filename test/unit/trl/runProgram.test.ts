import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ProgramError, runProgram } from "../../../extension/trl/runProgram";

const node = (script: string) => ({
  program: process.execPath,
  args: ["-e", script],
});

describe("running a program", () => {
  it("gives its output, and its lines as they come", async () => {
    const lines: string[] = [];
    const out = await runProgram({
      ...node(
        'console.log("a"); console.error("b\\rc"); process.stdout.write("d")',
      ),
      onLine: (line) => lines.push(line),
    });
    expect(out).toBe("a\nd");
    expect(lines.sort()).toEqual(["a", "b", "c"]);
  });

  it("throws with the last words of one that fails, and for one that is not there", async () => {
    const failed = runProgram(
      node('console.error("no disk"); process.exit(3)'),
    );
    await expect(failed).rejects.toThrow("ended with code 3");
    await failed.catch((error: ProgramError) =>
      expect(error.output).toBe("no disk\n"),
    );
    await expect(
      runProgram({ program: "forksight-none", args: [] }),
    ).rejects.toThrow("ENOENT");
  });

  it.skipIf(process.platform === "win32")(
    "ends a program and what it started, when it takes too long or is given up",
    async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "forksight-run-"));
      const grandchild = path.join(folder, "pid");
      const script = `const { spawn } = require("node:child_process");
        const child = spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"], { stdio: "inherit" });
        require("node:fs").writeFileSync(${JSON.stringify(grandchild)}, String(child.pid));
        console.log("started");
        setInterval(() => 0, 1000)`;
      const abort = new AbortController();
      const running = runProgram({
        ...node(script),
        signal: abort.signal,
        onLine: () => abort.abort(new Error("given up")),
      });
      await expect(running).rejects.toThrow("given up");
      const pid = Number(await readFile(grandchild, "utf8"));
      // A process that was killed stays listed until its new parent has looked.
      for (let i = 0; isThere(pid) && i < 100; i++)
        await new Promise((done) => setTimeout(done, 20));
      expect(isThere(pid)).toBe(false);
      await expect(
        runProgram({ ...node("setInterval(() => 0, 1000)"), limit: 100 }),
      ).rejects.toThrow("took longer");
      await rm(folder, { recursive: true });
    },
  );
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
