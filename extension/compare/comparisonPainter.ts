import * as vscode from "vscode";
import { FATE } from "../../core/annotation/compareTraces";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import type { Annotations } from "../inspect/annotations";
import { toRange } from "../inspect/painter";
import { covers, offsetsOf, withMargin } from "../inspect/screenful";
import type { ModelComparisons, ShownComparison } from "./modelComparisons";

/** What each fate looks like. The line tells them apart, not the colour alone. */
const LINES = [
  {
    fate: FATE.kept,
    style: "solid",
    width: 2,
    colour: "forksight.compare.kept",
  },
  {
    fate: FATE.gained,
    style: "double",
    width: 4,
    colour: "forksight.compare.gained",
  },
  {
    fate: FATE.lost,
    style: "dotted",
    width: 2,
    colour: "forksight.compare.lost",
  },
] as const;

/** One decoration type a fate, made once; on the overview ruler gained is left, kept in the middle, lost right. */
function createStyles(): Map<number, vscode.TextEditorDecorationType> {
  const lanes = new Map<number, vscode.OverviewRulerLane>([
    [FATE.gained, vscode.OverviewRulerLane.Left],
    [FATE.kept, vscode.OverviewRulerLane.Center],
    [FATE.lost, vscode.OverviewRulerLane.Right],
  ]);
  return new Map(
    LINES.map(({ fate, style, width, colour }) => {
      const lane = lanes.get(fate);
      const type = vscode.window.createTextEditorDecorationType({
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
        borderStyle: style,
        borderWidth: `0 0 ${width}px 0`,
        borderColor: new vscode.ThemeColor(colour),
        backgroundColor: new vscode.ThemeColor(`${colour}Background`),
        overviewRulerColor: new vscode.ThemeColor(colour),
        ...(lane !== undefined && { overviewRulerLane: lane }),
      });
      return [fate, type] as const;
    }),
  );
}

/** Paints comparisons into the visible editors: what they show and a margin, again on scroll. */
export class ComparisonPainter implements vscode.Disposable {
  private readonly styles = createStyles();
  private readonly paintings = new WeakMap<
    vscode.TextEditor,
    {
      readonly shown: ShownComparison;
      readonly painted: readonly OffsetRange[];
    }
  >();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly comparisons: ModelComparisons,
    private readonly annotations: Annotations,
  ) {
    this.subscriptions = [
      ...this.styles.values(),
      comparisons.onDidChange(() =>
        this.look(vscode.window.visibleTextEditors),
      ),
      vscode.window.onDidChangeVisibleTextEditors((editors) =>
        this.look(editors),
      ),
      vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) =>
        this.look([textEditor]),
      ),
    ];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private look(editors: readonly vscode.TextEditor[]): void {
    for (const editor of editors) {
      const shown = this.comparisons.of(editor.document.uri);
      const before = this.paintings.get(editor);
      if (shown === undefined) {
        if (before !== undefined) this.wipe(editor);
      } else if (
        shown !== before?.shown ||
        !covers(before.painted, this.visibleParts(editor))
      ) {
        this.paint(editor, shown);
      }
    }
  }

  private paint(editor: vscode.TextEditor, shown: ShownComparison): void {
    const lines = this.annotations.linesOf(editor.document);
    const painted = withMargin(this.visibleParts(editor), lines.length);
    const { comparison, origin } = shown;
    const { start, end, fate } = comparison;
    const ranges = new Map(
      LINES.map((line) => [line.fate as number, [] as vscode.Range[]]),
    );
    for (let row = 0; row < fate.length; row++) {
      const list = ranges.get(fate[row]!);
      const from = origin + start[row]!;
      const to = origin + end[row]!;
      if (list === undefined || from === to) continue;
      if (!painted.some((part) => from < part.end && to > part.start)) continue;
      list.push(
        toRange({ start: lines.positionAt(from), end: lines.positionAt(to) }),
      );
    }
    for (const [one, type] of this.styles)
      editor.setDecorations(type, ranges.get(one) ?? []);
    this.paintings.set(editor, { shown, painted });
  }

  private wipe(editor: vscode.TextEditor): void {
    for (const type of this.styles.values()) editor.setDecorations(type, []);
    this.paintings.delete(editor);
  }

  private visibleParts(editor: vscode.TextEditor): OffsetRange[] {
    return offsetsOf(
      editor.visibleRanges,
      this.annotations.linesOf(editor.document),
    );
  }
}
