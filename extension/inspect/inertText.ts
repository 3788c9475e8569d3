/** Text from elsewhere in places that read Markdown. */
import { visibleLine } from "../../core/panels/visibleText";

/** East Asian wide characters and emoji take two cells of a monospaced font. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/gu;

/** Width in cells of a monospaced font, near enough to align a list. */
export function cellWidth(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0);
}

/**
 * A fenced Markdown block in which nothing is markup: the fence is longer than any run of backticks inside.
 * @param lines without control characters (`visibleLine`)
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
  return visibleLine(text).replace(/[\\`*_{}[\]()#+\-.!|<>~$&:@/]/g, "\\$&");
}
