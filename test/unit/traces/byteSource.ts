import type { ByteSource } from "../../../core/traces/recordsFile";

/** A file in memory that counts what is read of it. */
export class MemorySource implements ByteSource {
  readonly reads: { offset: number; length: number }[] = [];
  constructor(private readonly bytes: Uint8Array) {}

  static of(text: string): MemorySource {
    return new MemorySource(new TextEncoder().encode(text));
  }

  get size(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.reads.push({ offset, length });
    return Promise.resolve(this.bytes.slice(offset, offset + length));
  }
}
