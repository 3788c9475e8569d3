/** The page of the view "Training" as a skeleton. The script fills it. */
import { page, type PageParts } from "./page";

/** Ids of the elements that the script looks up. */
export const TRAINING_IDS = {
  nothing: "nothing",
  newRun: "new-run",
  run: "run",
  name: "name",
  state: "state",
  steps: "steps",
  progress: "progress",
  facts: "facts",
  message: "message",
  sparks: "sparks",
  stop: "stop",
  open: "open",
} as const;

export function trainingHtml(parts: PageParts): string {
  const id = TRAINING_IDS;
  return page(
    parts,
    "Training",
    `<section id="${id.nothing}" hidden>
<p>A run shows here while it trains.</p>
<vscode-button id="${id.newRun}">New Training Run</vscode-button>
</section>
<main id="${id.run}" hidden>
<p class="head"><span id="${id.name}"></span><span id="${id.state}"></span></p>
<progress id="${id.progress}"></progress>
<p class="line"><span id="${id.steps}"></span><span id="${id.facts}"></span></p>
<p id="${id.message}" role="status"></p>
<div class="buttons">
<vscode-button id="${id.open}">Open Dashboard</vscode-button>
<vscode-button id="${id.stop}" appearance="secondary">Stop</vscode-button>
</div>
<ul id="${id.sparks}" aria-label="Metrics"></ul>
</main>`,
  );
}
