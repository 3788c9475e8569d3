// Runs inside the page: what the editor shows at this moment, character by character. Plain JavaScript, because
// Playwright sends a function to the browser as its source text.
/* global document, NodeFilter, getComputedStyle */

/**
 * Reads the active editor's view lines and the decorations of extensions behind them.
 *
 * @returns {{lines: {text: string, boxes: [number, number, number, number][]}[],
 *   decorations: {box: [number, number, number, number], background: string, border: string, className: string}[]}}
 *   boxes are [left, top, right, bottom] in CSS pixels of the page; one box per UTF-16 unit of `text`
 */
export function readViewport() {
  const editor =
    document.querySelector(
      ".editor-group-container.active .editor-instance .monaco-editor",
    ) ?? document.querySelector(".editor-instance .monaco-editor");
  if (editor === null) return { lines: [], decorations: [] };

  const boxOf = ({ left, top, right, bottom }) => [left, top, right, bottom];
  const lines = [...editor.querySelectorAll(".view-lines > .view-line")]
    .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
    .map((line) => {
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      const range = document.createRange();
      const boxes = [];
      let text = "";
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        for (let index = 0; index < node.data.length; index += 1) {
          range.setStart(node, index);
          range.setEnd(node, index + 1);
          boxes.push(boxOf(range.getBoundingClientRect()));
        }
        // Monaco draws a space as a no-break space.
        text += node.data.replaceAll("\u00a0", " ");
      }
      return { text, boxes };
    });

  const decorations = [
    ...editor.querySelectorAll('.view-overlays .cdr[class*="ced-"]'),
  ].map((element) => {
    const style = getComputedStyle(element);
    return {
      box: boxOf(element.getBoundingClientRect()),
      background: style.backgroundColor,
      border: style.borderBottomStyle,
      className: element.className,
    };
  });
  return { lines, decorations };
}
