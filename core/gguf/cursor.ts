/** What is wrong with a file that should be a GGUF. */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

/** Bytes that can be read at any place: of an open file, or in memory. */
export interface ByteSource {
  readonly size: number;
  /** The bytes from `position` on, fewer only where the source has become shorter. Within `size`. */
  read(position: number, length: number): Uint8Array;
}

export function bytesInMemory(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (position, length) => bytes.subarray(position, position + length),
  };
}

const WINDOW = 256 * 1024;
const UTF8 = new TextDecoder();

/**
 * Reads little-endian values one after the other through a window, and refuses to go past the end: a damaged length
 * costs an error, never memory.
 */
export class Cursor {
  /** Bytes from the start of the source. */
  position = 0;
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;

  constructor(private readonly source: ByteSource) {}

  get fileSize(): number {
    return this.source.size;
  }

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
    return this.take(1, what).getUint8(0);
  }

  i8(what: string): number {
    return this.take(1, what).getInt8(0);
  }

  u16(what: string): number {
    return this.take(2, what).getUint16(0, true);
  }

  i16(what: string): number {
    return this.take(2, what).getInt16(0, true);
  }

  u32(what: string): number {
    return this.take(4, what).getUint32(0, true);
  }

  i32(what: string): number {
    return this.take(4, what).getInt32(0, true);
  }

  f32(what: string): number {
    return this.take(4, what).getFloat32(0, true);
  }

  f64(what: string): number {
    return this.take(8, what).getFloat64(0, true);
  }

  i64(what: string): number {
    return Number(this.take(8, what).getBigInt64(0, true));
  }

  /** Lengths and offsets. @throws GgufError beyond 2^53: no file is that long */
  u64(what: string): number {
    const value = this.take(8, what).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new GgufError(`${what} has the impossible value ${String(value)}`);
    }
    return Number(value);
  }

  /** A value that may be any 64 bits, rounded to a double: a hash among the metadata, for example. */
  bigU64(what: string): number {
    return Number(this.take(8, what).getBigUint64(0, true));
  }

  string(what: string): string {
    const length = this.u64(`the length of ${what}`);
    return UTF8.decode(this.take(length, what));
  }

  skipString(what: string): void {
    this.skip(this.u64(`the length of ${what}`), what);
  }

  /** The next bytes. */
  private take(bytes: number, what: string): DataView {
    this.need(bytes, what);
    const offset = this.position - this.windowStart;
    if (offset < 0 || offset + bytes > this.window.length) {
      const wanted = Math.min(Math.max(bytes, WINDOW), this.remaining);
      this.window = this.source.read(this.position, wanted);
      if (this.window.length < wanted) {
        throw new GgufError(`the file became shorter inside ${what}`);
      }
      this.windowStart = this.position;
    }
    const start = this.position - this.windowStart;
    this.position += bytes;
    const { buffer, byteOffset } = this.window;
    return new DataView(buffer, byteOffset + start, bytes);
  }
}
