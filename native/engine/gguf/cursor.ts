import { readSync } from "node:fs";

/** What is wrong with a file that should be a GGUF. */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

const WINDOW = 256 * 1024;

/**
 * Reads little-endian values of a file one after the other through a window, and refuses to go past the file's end:
 * a damaged length costs an error, never memory.
 */
export class FileCursor {
  /** Bytes from the start of the file. */
  position = 0;
  private window = Buffer.alloc(0);
  private windowStart = 0;

  constructor(
    private readonly descriptor: number,
    readonly fileSize: number,
  ) {}

  get remaining(): number {
    return this.fileSize - this.position;
  }

  /** @throws GgufError where fewer than `bytes` are left */
  need(bytes: number, what: string): void {
    if (!(bytes <= this.remaining)) {
      throw new GgufError(
        `the file ends inside ${what} (at byte ${String(this.fileSize)})`,
      );
    }
  }

  skip(bytes: number, what: string): void {
    this.need(bytes, what);
    this.position += bytes;
  }

  u8(what: string): number {
    return this.take(1, what).readUInt8();
  }

  i8(what: string): number {
    return this.take(1, what).readInt8();
  }

  u16(what: string): number {
    return this.take(2, what).readUInt16LE();
  }

  i16(what: string): number {
    return this.take(2, what).readInt16LE();
  }

  u32(what: string): number {
    return this.take(4, what).readUInt32LE();
  }

  i32(what: string): number {
    return this.take(4, what).readInt32LE();
  }

  f32(what: string): number {
    return this.take(4, what).readFloatLE();
  }

  f64(what: string): number {
    return this.take(8, what).readDoubleLE();
  }

  i64(what: string): number {
    return Number(this.take(8, what).readBigInt64LE());
  }

  /** Lengths and offsets. @throws GgufError beyond 2^53: no file is that long */
  u64(what: string): number {
    const value = this.take(8, what).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new GgufError(`${what} has the impossible value ${String(value)}`);
    }
    return Number(value);
  }

  /** A value that may be any 64 bits, rounded to a double: a hash among the metadata, for example. */
  bigU64(what: string): number {
    return Number(this.take(8, what).readBigUInt64LE());
  }

  string(what: string): string {
    const length = this.u64(`the length of ${what}`);
    return this.take(length, what).toString("utf8");
  }

  skipString(what: string): void {
    this.skip(this.u64(`the length of ${what}`), what);
  }

  /** The next bytes, valid until the next call. */
  private take(bytes: number, what: string): Buffer {
    this.need(bytes, what);
    const offset = this.position - this.windowStart;
    if (offset < 0 || offset + bytes > this.window.length) {
      this.window = Buffer.alloc(
        Math.min(Math.max(bytes, WINDOW), this.remaining),
      );
      this.windowStart = this.position;
      let filled = 0;
      while (filled < this.window.length) {
        const read = readSync(
          this.descriptor,
          this.window,
          filled,
          this.window.length - filled,
          this.windowStart + filled,
        );
        if (read === 0) {
          throw new GgufError(`the file became shorter inside ${what}`);
        }
        filled += read;
      }
    }
    const start = this.position - this.windowStart;
    this.position += bytes;
    return this.window.subarray(start, start + bytes);
  }
}
