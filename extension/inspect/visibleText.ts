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

/** Shortens to `limit` characters (code points), with an ellipsis where something is left out. */
export function shortened(text: string, limit: number): string {
  const characters = [...text];
  return characters.length <= limit
    ? text
    : `${characters.slice(0, limit - 1).join("")}…`;
}

/** East Asian wide characters and emoji take two cells of a monospaced font. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/gu;

/** Width in cells of a monospaced font, near enough to align a list. */
export function cellWidth(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0);
}

/**
 * A fenced Markdown block in which nothing is markup: the fence is longer than any run of backticks inside.
 * @param lines without control characters (`visibleText`)
 */
export function inertBlock(lines: readonly string[]): string {
  const body = lines.join("\n");
  const longest = Math.max(
    2,
    ...(body.match(/`+/g) ?? []).map((run) => run.length),
  );
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${body}\n${fence}`;
}

/** Escapes a name (a model's, a file's) for the running text of a MarkdownString. */
export function escapeMarkdown(text: string): string {
  return visibleText(text)
    .replaceAll("·", " ")
    .replace(/[\\`*_{}[\]()#+\-.!|<>~$&:@/]/g, "\\$&");
}
