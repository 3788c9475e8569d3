/** The editor's theme, for what style sheets do not reach. */

/** To look at a style sheet's variable is slow: what was found, until the theme changes. */
const known = new Map<string, string>();

/**
 * Value of a theme colour such as `editor.foreground`, or of `font-family`; `fallback` where the theme has none.
 *
 * In a webview VS Code turns the first dot of a colour's id into a hyphen, and leaves the others: the variable of
 * `forksight.entropy.fork` is `--vscode-forksight-entropy.fork` (in a style sheet: `\.`).
 */
export function themeValue(name: string, fallback: string): string {
  let value = known.get(name);
  if (value === undefined) {
    const variable = `--vscode-${name.replace(".", "-")}`;
    const style = getComputedStyle(document.documentElement);
    value = style.getPropertyValue(variable).trim();
    known.set(name, value);
  }
  return value || fallback;
}

/**
 * Calls back when the theme changes. VS Code rewrites the body's class and the variables on the root element.
 * A page that asks for values must hear of it here, or it keeps those of the first theme.
 */
export function onThemeChange(callback: () => void): void {
  const observer = new MutationObserver(() => {
    known.clear();
    callback();
  });
  const watched = { attributes: true, attributeFilter: ["class", "style"] };
  observer.observe(document.body, { ...watched, attributeFilter: ["class"] });
  observer.observe(document.documentElement, {
    ...watched,
    attributeFilter: ["style"],
  });
}
