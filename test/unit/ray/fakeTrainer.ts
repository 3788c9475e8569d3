import { deflateSync } from "node:zlib";
import { CHUNK, type Frame, writeFrame } from "../../../core/run/stream";

/** A job's run folder in memory, and what it prints of it, as folder_stream.py does. */
export class FakeTrainer {
  /** Path with `/` to content; folders go with their files. */
  readonly files = new Map<string, Buffer>();
  private number = 0;

  constructor(private readonly print: (text: string) => void) {}

  append(path: string, text: string): void {
    const before = this.files.get(path) ?? Buffer.alloc(0);
    this.writes(path, before.length, Buffer.from(text));
    this.files.set(path, Buffer.concat([before, Buffer.from(text)]));
  }

  replace(path: string, content: string | Buffer): void {
    const bytes = Buffer.from(content);
    this.writes(`${path}.new`, 0, bytes);
    this.frame({ op: "move", from: `${path}.new`, to: path });
    this.files.set(path, bytes);
  }

  checkpoint(step: number, files: Readonly<Record<string, Buffer>>): void {
    const from = `checkpoints/.step-${step}-new`;
    const to = `checkpoints/step-${step}`;
    this.frame({ op: "remove", path: from });
    for (const [name, bytes] of Object.entries(files)) {
      this.writes(`${from}/${name}`, 0, bytes);
      this.files.set(`${to}/${name}`, bytes);
    }
    this.frame({ op: "move", from, to });
  }

  remove(path: string): void {
    this.frame({ op: "remove", path });
    for (const name of [...this.files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }

  status(state: string, step: number, steps: number): void {
    this.replace(
      "status.json",
      JSON.stringify({
        state,
        step,
        steps,
        heartbeat: "2020-01-01T00:00:00.000Z",
        eta: null,
        message: state,
        pid: 4242,
      }),
    );
  }

  /** @param failed why the trainer gave up */
  end(failed?: string): void {
    this.frame({ op: "end", ...(failed !== undefined && { failed }) });
  }

  private writes(path: string, at: number, bytes: Buffer): void {
    for (let from = 0; from === 0 || from < bytes.length; from += CHUNK)
      this.frame({
        op: "write",
        path,
        at: at + from,
        data: deflateSync(bytes.subarray(from, from + CHUNK)).toString(
          "base64",
        ),
      });
  }

  private frame(frame: Frame): void {
    this.print(`\n${writeFrame(++this.number, frame)}\n`);
  }
}
