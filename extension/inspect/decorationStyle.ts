import * as vscode from "vscode";
import { BUCKET_COUNT } from "../../core/annotation/buckets";

/** The decoration types of this window: one a colour, created once, never one a token. */
export interface DecorationStyle extends vscode.Disposable {
  /** Backgrounds by entropy, core/annotation/buckets' order. */
  readonly buckets: readonly vscode.TextEditorDecorationType[];
  /** What marks a forking token beside its colour. */
  readonly fork: vscode.TextEditorDecorationType;
  /** Whole lines with a fork, on the overview ruler alone. */
  readonly ruler: vscode.TextEditorDecorationType;
}

/**
 * Colours are the theme's (`forksight.entropy.*`), so a change of theme needs nothing from here. High contrast themes
 * get borders instead of underlines: there colour alone says little.
 */
export function createDecorationStyle(highContrast: boolean): DecorationStyle {
  const { ClosedClosed } = vscode.DecorationRangeBehavior;
  const buckets = Array.from({ length: BUCKET_COUNT }, (_, i) =>
    vscode.window.createTextEditorDecorationType({
      rangeBehavior: ClosedClosed,
      backgroundColor: new vscode.ThemeColor(`forksight.entropy.${i + 1}`),
      ...(highContrast && {
        borderWidth: "0 0 1px 0",
        borderStyle: "dotted",
        borderColor: new vscode.ThemeColor("forksight.entropy.belowCut"),
      }),
    }),
  );
  const colour = new vscode.ThemeColor("forksight.entropy.fork");
  const fork = vscode.window.createTextEditorDecorationType({
    rangeBehavior: ClosedClosed,
    borderStyle: "solid",
    borderWidth: highContrast ? "1px" : "0 0 2px 0",
    borderColor: colour,
  });
  const ruler = vscode.window.createTextEditorDecorationType({
    rangeBehavior: ClosedClosed,
    overviewRulerColor: colour,
    overviewRulerLane: vscode.OverviewRulerLane.Center,
  });
  const all = [...buckets, fork, ruler];
  return {
    buckets,
    fork,
    ruler,
    dispose: () => {
      for (const one of all) one.dispose();
    },
  };
}

/** Whether the active theme is one of the high contrast themes. */
export function isHighContrast(theme: vscode.ColorTheme): boolean {
  return (
    theme.kind === vscode.ColorThemeKind.HighContrast ||
    theme.kind === vscode.ColorThemeKind.HighContrastLight
  );
}
