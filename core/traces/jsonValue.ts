/** Small readings of parsed JSON. */

export type JsonObject = { readonly [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A scalar as a person would write it; undefined for null, objects and arrays of anything but scalars. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (Array.isArray(value) && value.length > 0 && value.length <= 16) {
    const parts = value.map((one) =>
      Array.isArray(one) ? undefined : scalarText(one),
    );
    return parts.includes(undefined) ? undefined : parts.join(", ");
  }
  return undefined;
}
