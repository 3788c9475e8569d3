/** A list of tokens by mean entropy, each a button that goes to the token in the text. */
import type { ShownTrace } from "../../core/panels/statisticsProtocol";

type TokenMean = ShownTrace["summary"]["topTokens"][number];

/**
 * Fills a list. A token's text is data: it goes in as text content alone.
 * @param onChosen called with the token's id
 */
export function showTokens(
  list: HTMLElement,
  tokens: readonly TokenMean[],
  onChosen: (id: number) => void,
): void {
  const highest = Math.max(...tokens.map((one) => one.meanEntropy), 0);
  list.replaceChildren(
    ...tokens.map((token) => {
      const item = document.createElement("li");
      item.append(tokenButton(token, highest, onChosen));
      return item;
    }),
  );
}

function tokenButton(
  token: TokenMean,
  highest: number,
  onChosen: (id: number) => void,
): HTMLElement {
  const mean = token.meanEntropy.toFixed(3);
  const button = document.createElement("button");
  button.className = "token";
  button.title = `${token.text}: mean entropy ${mean} nats over ${token.count} places. Go to the next one.`;
  button.setAttribute(
    "aria-label",
    `${token.text}, mean entropy ${mean} nats, ${token.count} places`,
  );
  button.addEventListener("click", () => onChosen(token.id));
  button.append(
    part("token-text", token.text),
    meter(highest === 0 ? 0 : token.meanEntropy / highest),
    part("token-mean", mean),
    part("token-count", `\u00d7${token.count}`),
  );
  return button;
}

function part(className: string, text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

/** A bar whose length is a share of the highest mean in the list. */
function meter(share: number): HTMLElement {
  const track = part("token-bar", "");
  const bar = part("token-bar-fill", "");
  bar.style.width = `${(100 * share).toFixed(1)}%`;
  track.append(bar);
  return track;
}
