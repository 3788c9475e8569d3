/** Run folders for tests, in a temporary place. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type {
  MetricsLine,
  RunDescription,
  RunStatus,
} from "../../../core/run/folder";

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0))
    rmSync(place, { recursive: true, force: true });
});

export function temporaryPlace(): string {
  const place = mkdtempSync(join(tmpdir(), "forksight-runs-"));
  places.push(place);
  return place;
}

const FILE = { path: "/models/pocket.gguf", sha256: "00", bytes: 1 };

export const DESCRIPTION: RunDescription = {
  format: 1,
  name: "countdown",
  engine: "embedded",
  created: "2026-11-26T04:00:00.000Z",
  runFile: "/runs/countdown.forksight.yaml",
  settings: { mask: { kind: "top", rho: 0.2 }, steps: 30 },
  seed: 1,
  versions: { forksight: "0.1.0" },
  model: FILE,
  data: { train: FILE, eval: {} },
};

export function statusOf(changes: Partial<RunStatus> = {}): RunStatus {
  return {
    state: "running",
    step: 12,
    steps: 30,
    heartbeat: new Date().toISOString(),
    eta: 200,
    message: "sampling rollouts 45 %",
    pid: process.pid,
    host: hostname(),
    ...changes,
  };
}

export interface Written {
  readonly description?: Partial<RunDescription>;
  /** null: no status.json. */
  readonly status?: Partial<RunStatus> | null;
  readonly lines?: readonly MetricsLine[];
}

/** Writes a run folder as a trainer would. @returns its path */
export function writeRun(
  place: string,
  name: string,
  { description, status, lines = [] }: Written = {},
): string {
  const folder = join(place, name);
  mkdirSync(folder, { recursive: true });
  const write = (file: string, value: unknown) =>
    writeFileSync(join(folder, file), JSON.stringify(value));
  write("run.json", { ...DESCRIPTION, ...description });
  if (status !== null) write("status.json", statusOf(status));
  writeFileSync(
    join(folder, "metrics.jsonl"),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
  return folder;
}
