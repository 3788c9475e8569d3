/** Control characters, bidirectional marks and other characters that show as nothing. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** A name from a file as plain text: what would not be seen, or would turn its neighbours round, is spelt out. */
export function shownText(name: string): string {
  return name.replace(
    INVISIBLE,
    (one) =>
      `<U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}
