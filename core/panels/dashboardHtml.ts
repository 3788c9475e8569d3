/** The page of the dashboard as a skeleton. The script fills it. */
import { page, type PageParts } from "./page";

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

export function dashboardHtml(parts: PageParts): string {
  const id = DASHBOARD_IDS;
  return page(
    parts,
    "Training",
    `<header class="bar" aria-label="Dashboard">
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
<p id="${id.announcer}" class="unseen" role="status"></p>`,
  );
}
