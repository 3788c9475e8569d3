/** The command line as a child process, and the adapters of checkpoints: with a command line that plays its part. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  baseOnDisk,
  checkpointAdapters,
  CheckpointAdapters,
} from "../../../extension/exchange/checkpointAdapters";
import { Cli } from "../../../extension/exchange/cli";
import { DESCRIPTION } from "../runs/folders";

/** Does what its first argument says; `adapter IN OUT --base MODEL` writes its arguments to OUT and counts its calls. */
const SCRIPT = `
import { appendFileSync, writeFileSync } from "node:fs";
const [command, ...args] = process.argv.slice(2);
if (command === "echo") console.log(args.join(" "));
if (command === "fail") {
  console.error("a warning of Node's own\\nforksight: /a/b cannot be converted: it is damaged.");
  process.exitCode = 1;
}
if (command === "die") process.kill(process.pid, "SIGKILL");
if (command === "hang") {
  writeFileSync(args[0], String(process.pid));
  setInterval(() => {}, 1000);
}
if (command === "adapter") {
  appendFileSync(process.argv[1] + ".calls", ".");
  writeFileSync(args[1], JSON.stringify(args));
}
`;

let folder: string;
let cli: Cli;
let script: string;
const never = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-cli-"));
  script = join(folder, "cli.mjs");
  writeFileSync(script, SCRIPT);
  cli = new Cli(script);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("Cli", () => {
  it("gives what the command wrote, and its own words where it fails", async () => {
    expect(await cli.run(["echo", "a b", "c"], never)).toBe("a b c\n");
    await expect(cli.run(["fail"], never)).rejects.toThrow(
      /^\/a\/b cannot be converted: it is damaged\.$/,
    );
    await expect(cli.run(["die"], never)).rejects.toThrow(
      "was ended by SIGKILL",
    );
  });

  it("kills the process where it is given up", async () => {
    const abort = new AbortController();
    const file = join(folder, "pid");
    const run = cli.run(["hang", file], abort.signal);
    const given = expect(run).rejects.toMatchObject({ name: "AbortError" });
    while (!existsSync(file) || readFileSync(file, "utf8") === "")
      await new Promise((resolve) => setTimeout(resolve, 20));
    const pid = Number(readFileSync(file, "utf8"));
    abort.abort();
    await given;
    expect(() => process.kill(pid, 0)).toThrow();
    await expect(cli.run(["echo"], abort.signal)).rejects.toThrow();
  });
});

describe("CheckpointAdapters", () => {
  const at = (step: number, ...names: string[]) => {
    const checkpoint = join(folder, "run", "checkpoints", `step-${step}`);
    mkdirSync(checkpoint, { recursive: true });
    for (const name of names) writeFileSync(join(checkpoint, name), "{}");
    return checkpoint;
  };
  const run = () => join(folder, "run");

  it("lists both forms, newest first, and nothing else", async () => {
    at(2, "adapter.gguf");
    at(10, "adapter_config.json", "adapter_model.safetensors");
    at(20, "optimizer.bin");
    const found = await checkpointAdapters(run());
    expect(found.map(({ step, form }) => [step, form])).toEqual([
      [10, "peft"],
      [2, "gguf"],
    ]);
    expect(await checkpointAdapters(join(folder, "nothing"))).toEqual([]);
  });

  it("converts PEFT's form once, however many ask, with the run's model", async () => {
    const model = join(folder, "model.gguf");
    writeFileSync(model, "");
    const checkpoint = at(
      4,
      "adapter_config.json",
      "adapter_model.safetensors",
    );
    writeFileSync(
      join(run(), "run.json"),
      JSON.stringify({
        ...DESCRIPTION,
        model: { path: model, sha256: "", bytes: 0 },
      }),
    );
    const adapters = new CheckpointAdapters(cli);
    const adapter = join(checkpoint, "adapter.gguf");
    const asked = await Promise.all(
      [1, 2, 3].map(() => adapters.of(run(), 4, never)),
    );
    expect(asked).toEqual([adapter, adapter, adapter]);
    await adapters.of(run(), 4, never);
    expect(JSON.parse(readFileSync(adapter, "utf8"))).toEqual([
      checkpoint,
      adapter,
      "--base",
      model,
      "--force",
    ]);
    expect(readFileSync(`${script}.calls`, "utf8")).toBe(".");
  });

  it("says what is missing", async () => {
    const adapters = new CheckpointAdapters(cli);
    const empty = at(1);
    await expect(adapters.of(run(), 1, never)).rejects.toThrow(
      `${empty} holds no adapter`,
    );
    const checkpoint = at(3, "adapter_model.safetensors");
    writeFileSync(
      join(checkpoint, "adapter_config.json"),
      '{"base_model_name_or_path": "Qwen/Qwen3-8B"}',
    );
    await expect(adapters.of(run(), 3, never)).rejects.toThrow(
      /base model of .*step-3 is not on this machine/,
    );
    expect(await baseOnDisk(run(), checkpoint)).toBeUndefined();
    writeFileSync(
      join(checkpoint, "adapter_config.json"),
      JSON.stringify({ base_model_name_or_path: folder }),
    );
    expect(await baseOnDisk(run(), checkpoint)).toBe(folder);
  });
});
