import { spawnSync } from "node:child_process";
import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFrame, readLine } from "../../../core/run/stream";
import { StreamedFolder } from "../../../extension/ray/streamedFolder";

const SOURCE = fileURLToPath(new URL("../../../python/src", import.meta.url));

/** A trainer's writes with looks between them: what folder_stream.py sends of them is printed. */
const SCRIPT = String.raw`
import os, pathlib, shutil, sys
from forksight_trl.folder_stream import FolderStream, frame_line
folder = pathlib.Path(sys.argv[1]); since = int(sys.argv[2])
number = 0
stream = FolderStream(folder, since, 2, True, print)
def look(last=False):
    global number
    for frame in stream.poll(last):
        number += 1
        print(frame_line(number, frame))
def put(name, text):
    path = folder / name; path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(path.name + ".new").write_text(text); os.replace(path.with_name(path.name + ".new"), path)
def append(name, text):
    with (folder / name).open("a", encoding="utf-8") as file: file.write(text)
def checkpoint(step, size):
    trl = folder / "checkpoints" / ".trl"; trl.mkdir(parents=True)
    (trl / "adapter.gguf").write_bytes(os.urandom(size)); (trl / "optimizer.pt").write_bytes(b"o" * size)
    look()
    os.replace(trl, folder / "checkpoints" / f"step-{step}")
`;

const python = ["python3", "python"].find(
  (name) =>
    spawnSync(name, ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
      .status === 0,
);

let root: string;
let there: string;
let here: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-stream-"));
  there = path.join(root, "there");
  here = path.join(root, "here");
  await mkdir(there);
  await mkdir(here);
});
afterEach(() => rm(root, { recursive: true }));

/** Runs the writes and makes the folder here of what was sent. @returns lines that are no frames */
async function stream(writes: string, since = 0): Promise<string[]> {
  const script = path.join(root, "script.py");
  await writeFile(script, SCRIPT + writes);
  const { stdout, stderr, status } = spawnSync(
    python!,
    [script, there, String(since)],
    {
      env: { ...process.env, PYTHONPATH: SOURCE, PYTHONDONTWRITEBYTECODE: "1" },
      encoding: "utf8",
      maxBuffer: 1 << 28,
    },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const local = new StreamedFolder(here);
  const text: string[] = [];
  let expected = 0;
  for (const line of stdout.split("\n")) {
    const read = readLine(line);
    if (read.kind === "frame") {
      expect(read.number).toBe(++expected);
      expect(await local.apply(readFrame(read.json)!)).toBe(true);
    } else if (read.kind === "text" && line !== "") text.push(line);
    else expect(read.kind).toBe("text");
  }
  return text;
}

async function content(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(folder, { recursive: true })) {
    const at = path.join(folder, name);
    if ((await stat(at)).isFile())
      found[name.split(path.sep).join("/")] = (await readFile(at)).toString(
        "base64",
      );
  }
  return found;
}

describe.skipIf(python === undefined)(
  "the stream that forksight_trl writes",
  () => {
    it("makes the same folder here, checkpoints that are kept and the last one with it", async () => {
      await stream(`
put("rollouts/step-1.jsonl", "ä" * 100_000); append("trainer.log", "one – eins\\n"); append("metrics.jsonl", '{"step":1}\\n')
look()
checkpoint(1, 10); look(); shutil.rmtree(folder / "checkpoints" / "step-1")
put("rollouts/step-2.jsonl", ""); append("metrics.jsonl", '{"step":2}\\n'); checkpoint(2, 150_000)
look()
append("metrics.jsonl", '{"step":3}\\n'); put("rollouts/step-3.jsonl", "{}"); checkpoint(3, 49152)
look(True)
`);
      const sent = await content(here);
      expect(sent).toEqual(await content(there));
      expect(Object.keys(sent)).toContain("checkpoints/step-3/optimizer.pt");
    });

    it("follows a run that goes on behind its last checkpoint, and cuts off what lay beyond", async () => {
      for (const folder of [there, here]) {
        for (const one of ["rollouts", "checkpoints/step-2"])
          await mkdir(path.join(folder, one), { recursive: true });
        await writeFile(
          path.join(folder, "checkpoints/step-2/adapter.gguf"),
          "two",
        );
        for (const step of [1, 2])
          await writeFile(
            path.join(folder, `rollouts/step-${step}.jsonl`),
            String(step),
          );
        await writeFile(path.join(folder, "metrics.jsonl"), "1\n2\n");
      }
      // Here is more than the checkpoint holds.
      await writeFile(path.join(here, "rollouts/step-3.jsonl"), "3");
      await writeFile(path.join(here, "metrics.jsonl"), "1\n2\n3\n");
      await stream(
        `look(); append("metrics.jsonl", "3b\\n"); put("rollouts/step-3.jsonl", "3b"); look(True)`,
        3,
      );
      expect(await content(here)).toEqual(await content(there));
    });

    it("says so where a checkpoint is too large, and sends its adapter alone", async () => {
      const text = await stream(`
import forksight_trl.folder_stream as module
module.CHECKPOINT_LIMIT = 1000
checkpoint(2, 900); look()
checkpoint(4, 1100); look(True)
`);
      expect(Object.keys(await content(here))).toEqual([
        "checkpoints/step-2/adapter.gguf",
      ]);
      expect(text).toEqual([
        "the checkpoint of step 4 is too large to be sent (0 MB)",
      ]);
    });
  },
);
