/** The page of the panel "Rollouts": its security policy and its skeleton. The script fills it. */

export interface RolloutsPageParts {
  /** Fresh for each page; the one script that may run carries it. */
  readonly nonce: string;
  /** `webview.asWebviewUri` of dist/webview/rollouts.js. */
  readonly scriptUri: string;
  /** `webview.asWebviewUri` of dist/webview/rollouts.css. */
  readonly styleUri: string;
  /** `webview.cspSource` */
  readonly cspSource: string;
}

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

export function rolloutsHtml(page: RolloutsPageParts): string {
  const id = ROLLOUTS_IDS;
  // The control library looks for the nonce in a meta element of that name.
  const policy = [
    "default-src 'none'",
    `style-src ${page.cspSource} 'nonce-${page.nonce}'`,
    `script-src 'nonce-${page.nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
<meta property="csp-nonce" content="${attribute(page.nonce)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rollouts</title>
<link rel="stylesheet" href="${attribute(page.styleUri)}">
</head>
<body>
<h1 id="${id.heading}"></h1>
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
</main>
<script nonce="${attribute(page.nonce)}" src="${attribute(page.scriptUri)}"></script>
</body>
</html>`;
}

function attribute(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}
