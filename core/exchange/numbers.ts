/** The numbers of a stored matrix, and a stored matrix of numbers. */
import type { Dtype, Matrix } from "./adapter";

/** Shape [rows * columns]. */
export function numbersOf({ dtype, bytes }: Matrix): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read: Readonly<Record<Dtype, (i: number) => number>> = {
    F32: (i) => view.getFloat32(4 * i, true),
    F16: (i) => halfToNumber(view.getUint16(2 * i, true)),
    BF16: (i) => brainToNumber(view.getUint16(2 * i, true)),
  };
  const at = read[dtype];
  return Float32Array.from({ length: countOf(dtype, bytes.length) }, (_, i) =>
    at(i),
  );
}

function countOf(dtype: Dtype, bytes: number): number {
  return bytes / (dtype === "F32" ? 4 : 2);
}

/** The matrix times a number, in F32. */
export function scaled(matrix: Matrix, factor: number): Matrix {
  const numbers = numbersOf(matrix);
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((value, i) => view.setFloat32(4 * i, value * factor, true));
  return { ...matrix, dtype: "F32", bytes };
}

/** IEEE 754 binary16. @param bits the 16 bits */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a binary32. @param bits the 16 bits */
export function brainToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65536);
  return view.getFloat32(0);
}
