/** The page of the dashboard: its security policy and its skeleton. The script fills it. */

export interface DashboardPage {
  /** Fresh for each page; the one script that may run carries it. */
  readonly nonce: string;
  /** `webview.asWebviewUri` of dist/webview/dashboard.js. */
  readonly scriptUri: string;
  /** `webview.asWebviewUri` of dist/webview/dashboard.css. */
  readonly styleUri: string;
  /** `webview.cspSource` */
  readonly cspSource: string;
}

/** Ids of the elements that the script looks up. */
export const DASHBOARD_IDS = {
  runs: "runs",
  nothing: "nothing",
  smoothing: "smoothing",
  smoothingValue: "smoothing-value",
  resetZoom: "reset-zoom",
  chooseRuns: "choose-runs",
  runPicker: "run-picker",
  runFilter: "run-filter",
  runChoices: "run-choices",
  chooseCharts: "choose-charts",
  chartPicker: "chart-picker",
  chartChoices: "chart-choices",
  exports: "exports",
  exportMenu: "export-menu",
  savePng: "save-png",
  saveCsv: "save-csv",
  saveAllCsv: "save-all-csv",
  settings: "settings",
  settingsTable: "settings-table",
  settingsSummary: "settings-summary",
  charts: "charts",
  waiting: "waiting",
  other: "other",
  otherSummary: "other-summary",
  otherCharts: "other-charts",
  announcer: "announcer",
} as const;

export function dashboardHtml(page: DashboardPage): string {
  const id = DASHBOARD_IDS;
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
<header class="bar" aria-label="Dashboard">
<div class="tools">
<vscode-button id="${id.chooseRuns}" appearance="secondary" aria-haspopup="dialog">Runs...</vscode-button>
<label class="slider">Smoothing<input id="${id.smoothing}" type="range" min="0" max="0.99" step="0.01"><output id="${id.smoothingValue}" for="${id.smoothing}"></output></label>
<span class="spring"></span>
<vscode-button id="${id.resetZoom}" appearance="secondary" disabled>Reset Zoom</vscode-button>
<vscode-button id="${id.chooseCharts}" appearance="secondary" aria-haspopup="dialog">Charts...</vscode-button>
<vscode-button id="${id.exports}" appearance="secondary" aria-haspopup="dialog">Export...</vscode-button>
</div>
</header>
<div id="${id.runPicker}" class="popover" popover role="dialog" aria-label="Runs to draw">
<input id="${id.runFilter}" type="search" placeholder="Filter runs" aria-label="Filter runs">
<div id="${id.runChoices}" class="choices"></div>
</div>
<div id="${id.chartPicker}" class="popover" popover role="dialog" aria-label="Charts to show">
<div id="${id.chartChoices}" class="choices"></div>
</div>
<div id="${id.exportMenu}" class="popover" popover role="dialog" aria-label="Export">
<button id="${id.savePng}" class="choice" type="button">Picture of the charts (PNG)</button>
<button id="${id.saveCsv}" class="choice" type="button">Data as shown (CSV)</button>
<button id="${id.saveAllCsv}" class="choice" type="button">All data of these runs (CSV)</button>
</div>
<main>
<p id="${id.nothing}" hidden>No run is chosen. Choose runs above, or open one from the view Runs.</p>
<ul id="${id.runs}" aria-label="Runs"></ul>
<details id="${id.settings}" hidden><summary id="${id.settingsSummary}"></summary>
<div class="wide"><table id="${id.settingsTable}"><caption class="unseen">Settings in which the runs differ</caption><thead></thead><tbody></tbody></table></div></details>
<p id="${id.waiting}" class="waiting" role="status" hidden></p>
<section id="${id.charts}" class="grid" aria-label="Charts"></section>
<details id="${id.other}" hidden><summary id="${id.otherSummary}">Other metrics</summary>
<section id="${id.otherCharts}" class="grid" aria-label="Other metrics"></section></details>
</main>
<p id="${id.announcer}" class="unseen" role="status"></p>
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
