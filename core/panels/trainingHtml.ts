/** The page of the view "Training": its security policy and its skeleton. The script fills it. */
import type { DashboardPage } from "./dashboardHtml";

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

export function trainingHtml(page: DashboardPage): string {
  const id = TRAINING_IDS;
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
<title>Training</title>
<link rel="stylesheet" href="${attribute(page.styleUri)}">
</head>
<body>
<section id="${id.nothing}" hidden>
<p>A run shows here while it trains.</p>
<vscode-button id="${id.newRun}">New Training Run</vscode-button>
</section>
<main id="${id.run}" hidden>
<p class="head"><span id="${id.name}"></span><span id="${id.state}"></span></p>
<progress id="${id.progress}"></progress>
<p class="line"><span id="${id.steps}"></span><span id="${id.facts}"></span></p>
<p id="${id.message}" role="status"></p>
<ul id="${id.sparks}" aria-label="Metrics"></ul>
<div class="buttons">
<vscode-button id="${id.open}">Open Dashboard</vscode-button>
<vscode-button id="${id.stop}" appearance="secondary">Stop</vscode-button>
</div>
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
