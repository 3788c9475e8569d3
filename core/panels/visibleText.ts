/** Characters that show as nothing, or that change how their neighbours are shown (bidirectional controls). */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zs}\p{Zl}\p{Zp}]/gu;

const PICTURES: ReadonlyMap<string, string> = new Map([
  [" ", "·"],
  ["\n", "↵"],
  ["\r", "␍"],
  ["\t", "→"],
  ["\u007f", "␡"],
]);

/**
 * A token's text with all of its white space and control characters made visible: a space is `·`, a line break `↵`, a
 * tab `→`, anything else `<U+202E>`. The result is one line without control characters; it is still no Markdown.
 */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const picture = PICTURES.get(character);
    if (picture !== undefined) return picture;
    const code = character.codePointAt(0)!;
    return code < 32
      ? String.fromCodePoint(0x2400 + code)
      : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** The same for running text: its spaces stay spaces. */
export function visibleLine(text: string): string {
  return text.split(" ").map(visibleText).join(" ");
}

/** The same for a label of VS Code's, in which `$(name)` would become an icon. */
export function labelText(text: string): string {
  return visibleLine(text).replaceAll("$(", "$ (");
}

/** Shortens to `limit` characters (code points), with an ellipsis where something is left out. */
export function shortened(text: string, limit: number): string {
  const characters = [...text];
  return characters.length <= limit
    ? text
    : `${characters.slice(0, limit - 1).join("")}…`;
}
