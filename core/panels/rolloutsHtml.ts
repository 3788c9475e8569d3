/** The page of the panel "Rollouts" as a skeleton. The script fills it. */
import { page, type PageParts } from "./page";

/** Ids of the elements that the script looks up. */
export const ROLLOUTS_IDS = {
  heading: "heading",
  problem: "problem",
  content: "content",
  older: "older",
  slider: "slider",
  newer: "newer",
  step: "step",
  follow: "follow",
  inspect: "inspect",
  group: "group",
  reward: "reward",
  text: "text",
  hint: "hint",
  count: "count",
  head: "head",
  rows: "rows",
  before: "before",
  place: "place",
  behind: "behind",
  bad: "bad",
  badSummary: "bad-summary",
  badLines: "bad-lines",
} as const;

export function rolloutsHtml(parts: PageParts): string {
  const id = ROLLOUTS_IDS;
  return page(
    parts,
    "Rollouts",
    `<h1 id="${id.heading}"></h1>
<p id="${id.problem}" role="alert" hidden></p>
<main id="${id.content}" hidden>
<div class="steps">
<vscode-button id="${id.older}" appearance="icon" aria-label="Previous step" title="Previous step (Alt+PageUp)">&#x25c0;</vscode-button>
<input id="${id.slider}" type="range" min="0" step="1" aria-label="Step">
<vscode-button id="${id.newer}" appearance="icon" aria-label="Next step" title="Next step (Alt+PageDown)">&#x25b6;</vscode-button>
<output id="${id.step}" for="${id.slider}"></output>
<vscode-checkbox id="${id.follow}"></vscode-checkbox>
<vscode-button id="${id.inspect}" appearance="secondary" title="Make this step's checkpoint the annotator's adapter">Inspect with This Checkpoint</vscode-button>
</div>
<div class="filters">
<vscode-text-field id="${id.group}" size="6" maxlength="20" placeholder="any">Group</vscode-text-field>
<vscode-text-field id="${id.reward}" size="8" maxlength="40" placeholder="such as &gt; 0">Reward</vscode-text-field>
<vscode-text-field id="${id.text}" maxlength="1000" placeholder="in the prompt or the completion">Text</vscode-text-field>
</div>
<p id="${id.hint}" role="alert"></p>
<p id="${id.count}" role="status"></p>
<div class="scroller">
<table>
<caption class="unseen">Rollouts of the step. Enter opens the selected one in the editor.</caption>
<thead><tr id="${id.head}"></tr></thead>
<tbody id="${id.rows}"></tbody>
</table>
</div>
<div class="pages">
<vscode-button id="${id.before}" appearance="secondary">Previous Rows</vscode-button>
<span id="${id.place}"></span>
<vscode-button id="${id.behind}" appearance="secondary">Next Rows</vscode-button>
</div>
<details id="${id.bad}" hidden>
<summary id="${id.badSummary}"></summary>
<ul id="${id.badLines}"></ul>
</details>
</main>`,
  );
}
