/** The editor's theme, for what style sheets do not reach. */

/** Value of a theme colour such as `editor.foreground`, or of `font-family`; `fallback` where the theme has none. */
export function themeValue(name: string, fallback: string): string {
  const variable = `--vscode-${name.replaceAll(".", "-")}`;
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
