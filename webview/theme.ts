/** The editor's theme, for what style sheets do not reach. */

/**
 * Value of a theme colour such as `editor.foreground`, or of `font-family`; `fallback` where the theme has none.
 *
 * In a webview VS Code turns the first dot of a colour's id into a hyphen, and leaves the others: the variable of
 * `forksight.entropy.fork` is `--vscode-forksight-entropy.fork` (in a style sheet: `\.`).
 */
export function themeValue(name: string, fallback: string): string {
  const variable = `--vscode-${name.replace(".", "-")}`;
  const style = getComputedStyle(document.documentElement);
  return style.getPropertyValue(variable).trim() || fallback;
}

/** Calls back when the theme changes. VS Code rewrites the body's class and the variables on the root element. */
export function onThemeChange(callback: () => void): void {
  const observer = new MutationObserver(callback);
  const watched = { attributes: true, attributeFilter: ["class", "style"] };
  observer.observe(document.body, { ...watched, attributeFilter: ["class"] });
  observer.observe(document.documentElement, {
    ...watched,
    attributeFilter: ["style"],
  });
}
