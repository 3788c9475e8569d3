/** The wire format of Protocol Buffers (protobuf.dev, "Encoding"), as far as event files need it: reading. */
import { FormatError } from "./formatError";

/** A field as it stands: what it means, the message's definition knows. */
export type Field =
  | { readonly number: number; readonly kind: "varint"; readonly value: bigint }
  | {
      readonly number: number;
      /** fixed32, fixed64 or length-delimited: views into the message. */
      readonly kind: "fixed32" | "fixed64" | "bytes";
      readonly bytes: Uint8Array;
    };

/**
 * The fields of a message in their order, repeated ones repeated. Takes no memory beyond the fields' own list.
 * @throws FormatError where the message is damaged
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = { message, at: 0 };
  while (reader.at < message.length) {
    const key = Number(varint(reader));
    const number = Math.floor(key / 8);
    if (number === 0) throw damaged();
    switch (key % 8) {
      case 0:
        yield { number, kind: "varint", value: varint(reader) };
        break;
      case 1:
        yield { number, kind: "fixed64", bytes: take(reader, 8) };
        break;
      case 2:
        yield {
          number,
          kind: "bytes",
          bytes: take(reader, Number(varint(reader))),
        };
        break;
      case 5:
        yield { number, kind: "fixed32", bytes: take(reader, 4) };
        break;
      default:
        throw damaged();
    }
  }
}

/** The first number of a packed repeated field of varints. @throws FormatError as `fieldsOf` */
export function firstVarint(bytes: Uint8Array): bigint {
  return varint({ message: bytes, at: 0 });
}

interface Reader {
  readonly message: Uint8Array;
  at: number;
}

/** At most ten bytes of seven bits, the lowest first. */
function varint(reader: Reader): bigint {
  let value = 0n;
  for (let i = 0n; i < 10n; i++) {
    const byte = reader.message[reader.at++];
    if (byte === undefined) throw damaged();
    value |= BigInt(byte & 0x7f) << (7n * i);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw damaged();
}

function take(reader: Reader, length: number): Uint8Array {
  const end = reader.at + length;
  if (end > reader.message.length) throw damaged();
  const bytes = reader.message.subarray(reader.at, end);
  reader.at = end;
  return bytes;
}

function damaged(): FormatError {
  return new FormatError("a record in it is no protocol buffer: it is damaged");
}
