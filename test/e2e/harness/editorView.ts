/** What the active editor shows, in terms of the document's own offsets. */
import type { Page } from "playwright-core";
import { readViewport } from "./viewport.mjs";

/** [left, top, right, bottom] in CSS pixels of the page. */
export type Box = readonly [number, number, number, number];

interface ViewLine {
  readonly text: string;
  readonly boxes: readonly Box[];
}

/** A background that an extension painted behind text. */
export interface Decoration {
  readonly box: Box;
  /** Computed colour, for example `rgba(213, 94, 0, 0.6)`. */
  readonly background: string;
  /** Computed style of the lower border. */
  readonly border: string;
  readonly className: string;
}

interface Viewport {
  readonly lines: readonly ViewLine[];
  readonly decorations: readonly Decoration[];
}

/** A run of neighbouring characters with the same decorations. */
export interface DecoratedRange {
  /** UTF-16 offset in the document at which the run starts. */
  readonly start: number;
  /** UTF-16 offset just behind the run. */
  readonly end: number;
  readonly text: string;
}

/** A snapshot of the visible part of a document whose text is known. */
export class EditorView {
  private constructor(
    /** Offset in the document and box of every visible character, in order. */
    readonly characters: readonly { offset: number; box: Box }[],
    readonly decorations: readonly Decoration[],
    readonly documentText: string,
  ) {}

  /**
   * Reads the active editor.
   * @param documentText the document's whole text, with `\n` line ends
   * @param from an offset at or before the first visible character; 0 where the editor is scrolled to its top
   * @throws Error where the visible lines are not a part of that text
   */
  static async read(
    page: Page,
    documentText: string,
    from = 0,
  ): Promise<EditorView> {
    const viewport = (await page.evaluate(readViewport)) as Viewport;
    return new EditorView(
      [...locate(viewport.lines, documentText, from)],
      viewport.decorations,
      documentText,
    );
  }

  /** Offsets of the characters that lie under a decoration, ascending. */
  decoratedOffsets(): number[] {
    return this.characters
      .filter(({ box }) => this.decorations.some((one) => covers(one.box, box)))
      .map(({ offset }) => offset);
  }

  /** The same as runs of neighbouring characters, in order. */
  decoratedRanges(): DecoratedRange[] {
    const offsets = this.decoratedOffsets();
    const runs: { start: number; end: number }[] = [];
    for (const offset of offsets) {
      const last = runs.at(-1);
      if (last?.end === offset) last.end = offset + 1;
      else runs.push({ start: offset, end: offset + 1 });
    }
    return runs.map(({ start, end }) => ({
      start,
      end,
      text: this.documentText.slice(start, end),
    }));
  }

  /** The decorations under the character at an offset. */
  decorationsAt(offset: number): Decoration[] {
    const box = this.boxAt(offset);
    return this.decorations.filter((one) => covers(one.box, box));
  }

  /** @throws Error where the character is not visible */
  boxAt(offset: number): Box {
    const found = this.characters.find((one) => one.offset === offset);
    if (found === undefined) {
      throw new Error(`the character at offset ${offset} is not visible`);
    }
    return found.box;
  }

  /** Offset just behind the last visible character. */
  get end(): number {
    return (this.characters.at(-1)?.offset ?? -1) + 1;
  }
}

/** The visible lines of the active editor, parts of wrapped ones apart, with a box for each UTF-16 unit. */
export async function readLines(page: Page): Promise<readonly ViewLine[]> {
  return ((await page.evaluate(readViewport)) as Viewport).lines;
}

/** What stands under decorations in each visible line of the active editor, where anything does. */
export async function decoratedTexts(page: Page): Promise<string[]> {
  const { lines, decorations } = (await page.evaluate(
    readViewport,
  )) as Viewport;
  return lines
    .map(({ text, boxes }) =>
      boxes
        .map((box, index) =>
          decorations.some((one) => covers(one.box, box))
            ? text.charAt(index)
            : "",
        )
        .join(""),
    )
    .filter((text) => text !== "");
}

/** Whether the middle of a character lies in a decoration's box. */
function covers(decoration: Box, character: Box): boolean {
  const x = (character[0] + character[2]) / 2;
  const y = (character[1] + character[3]) / 2;
  return (
    decoration[0] <= x &&
    x < decoration[2] &&
    decoration[1] <= y &&
    y < decoration[3]
  );
}

/** Finds each view line in the document: view lines are its lines, or parts of wrapped ones, without gaps. */
function* locate(
  lines: readonly ViewLine[],
  documentText: string,
  from: number,
): Generator<{ offset: number; box: Box }> {
  let position: number | undefined;
  for (const { text, boxes } of lines) {
    // An empty line shows nothing, or one space: the next line with text steps over it.
    if (text.trim() === "") continue;
    position ??= documentText.indexOf(text, from);
    while (
      !documentText.startsWith(text, position) &&
      /\s/u.test(documentText.charAt(position))
    ) {
      position += 1;
    }
    if (!documentText.startsWith(text, position)) {
      throw new Error(
        `the editor shows ${JSON.stringify(text)} where the document has ${JSON.stringify(documentText.slice(position, position + 60))}`,
      );
    }
    for (const [index, box] of boxes.entries()) {
      yield { offset: position + index, box };
    }
    position += text.length;
  }
}
