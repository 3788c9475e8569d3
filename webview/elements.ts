/** Finds a page's elements by the names that its HTML was made with (core/panels). */
export function elementsOf<Name extends string>(
  ids: Readonly<Record<Name, string>>,
) {
  return <T extends HTMLElement = HTMLElement>(name: Name): T =>
    document.getElementById(ids[name]) as T;
}
