import * as vscode from "vscode";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import { readSettings, SECTION } from "../configuration";
import type { AnnotationChange, Annotations } from "./annotations";
import {
  type DecorationStyle,
  createDecorationStyle,
  isHighContrast,
} from "./decorationStyle";
import type { LiveTrace } from "./liveTrace";
import {
  type LineRange,
  covers,
  forkLines,
  offsetsOf,
  screenful,
} from "./screenful";

/**
 * Milliseconds of quiet after an edit until its editor is painted anew; VS Code shifts the old colours meanwhile. Longer
 * than most pauses between two keys: positions painted while the next key is on its way would be off by one.
 */
const QUIET = 300;

/** What an editor shows now. */
interface Painting {
  readonly live: LiveTrace;
  readonly painted: readonly OffsetRange[];
}

/** Documents that show something else than their annotation for now. */
export interface Veil {
  covers(uri: vscode.Uri): boolean;
  readonly onDidChange: vscode.Event<vscode.Uri>;
}

/** Paints annotations into the visible editors: what they show and a margin, again on scroll and on every change. */
export class Painter implements vscode.Disposable {
  private style: DecorationStyle;
  private highContrast: boolean;
  private readonly paintings = new WeakMap<vscode.TextEditor, Painting>();
  private readonly quiet = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly annotations: Annotations,
    private readonly veil: Veil,
  ) {
    this.highContrast = isHighContrast(vscode.window.activeColorTheme);
    this.style = createDecorationStyle(this.highContrast);
    this.subscriptions = [
      annotations.onDidChange((change) => this.onAnnotation(change)),
      veil.onDidChange((uri) => this.paintEditorsOf(uri)),
      vscode.window.onDidChangeVisibleTextEditors((editors) => {
        for (const editor of editors) this.onScroll(editor);
      }),
      vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) =>
        this.onScroll(textEditor),
      ),
      vscode.window.onDidChangeActiveColorTheme((theme) => this.onTheme(theme)),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${SECTION}.display`)) this.paintAll();
      }),
    ];
    this.paintAll();
  }

  dispose(): void {
    for (const timer of this.quiet.values()) clearTimeout(timer);
    for (const one of this.subscriptions) one.dispose();
    this.style.dispose();
  }

  private onAnnotation({ uri, what }: AnnotationChange): void {
    const key = uri.toString();
    clearTimeout(this.quiet.get(key));
    this.quiet.delete(key);
    if (what === "edited") {
      const paintLater = () => {
        this.quiet.delete(key);
        this.paintEditorsOf(uri);
      };
      this.quiet.set(key, setTimeout(paintLater, QUIET));
    } else this.paintEditorsOf(uri);
  }

  private onScroll(editor: vscode.TextEditor): void {
    const { document } = editor;
    const live = this.liveOf(document);
    const before = this.paintings.get(editor);
    if (live === before?.live) {
      if (live === undefined) return;
      const lines = this.annotations.linesOf(document);
      const visible = offsetsOf(editor.visibleRanges, lines);
      if (covers(before!.painted, visible)) return;
    }
    // While the user types, the positions known here may be a keystroke behind the editor's.
    if (this.quiet.has(document.uri.toString())) return;
    this.paint(editor);
  }

  private onTheme(theme: vscode.ColorTheme): void {
    if (isHighContrast(theme) === this.highContrast) return;
    this.highContrast = !this.highContrast;
    this.style.dispose();
    this.style = createDecorationStyle(this.highContrast);
    this.paintAll();
  }

  private paintEditorsOf(uri: vscode.Uri): void {
    const key = uri.toString();
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() === key) this.paint(editor);
    }
  }

  private paintAll(): void {
    for (const editor of vscode.window.visibleTextEditors) this.paint(editor);
  }

  private paint(editor: vscode.TextEditor): void {
    const { document } = editor;
    const live = this.liveOf(document);
    const before = this.paintings.get(editor);
    if (live === undefined) {
      if (before !== undefined) this.wipe(editor);
      return;
    }
    const lines = this.annotations.linesOf(document);
    const { display } = readSettings(document.uri);
    const { painted, buckets, forks } = screenful(
      live,
      lines,
      display,
      offsetsOf(editor.visibleRanges, lines),
    );
    this.style.buckets.forEach((type, i) =>
      editor.setDecorations(type, (buckets[i] ?? []).map(toRange)),
    );
    editor.setDecorations(this.style.fork, forks.map(toRange));
    if (before?.live !== live) {
      const marks = forkLines(live, lines).map(
        ([first, last]) => new vscode.Range(first, 0, last, 0),
      );
      editor.setDecorations(this.style.ruler, marks);
    }
    this.paintings.set(editor, { live, painted });
  }

  private liveOf({ uri }: vscode.TextDocument): LiveTrace | undefined {
    return this.veil.covers(uri) ? undefined : this.annotations.of(uri)?.live;
  }

  private wipe(editor: vscode.TextEditor): void {
    const { buckets, fork, ruler } = this.style;
    for (const type of [...buckets, fork, ruler])
      editor.setDecorations(type, []);
    this.paintings.delete(editor);
  }
}

/** For the editor. */
export function toRange({ start, end }: LineRange): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}
