/** The page of the view "Entropy": its security policy and its skeleton. The script fills it. */

export interface StatisticsPage {
  /** Fresh for each page; the one script that may run carries it. */
  readonly nonce: string;
  /** `webview.asWebviewUri` of dist/webview/statistics.js. */
  readonly scriptUri: string;
  /** `webview.asWebviewUri` of dist/webview/statistics.css. */
  readonly styleUri: string;
  /** `webview.cspSource` */
  readonly cspSource: string;
}

/** Ids of the elements that the script looks up. */
export const STATISTICS_IDS = {
  nothing: "nothing",
  trace: "trace",
  annotate: "annotate",
  heading: "heading",
  stale: "stale",
  chart: "chart",
  figures: "figures",
  percentiles: "percentiles",
  setCut: "set-cut",
  tabs: "tabs",
  seen: "seen",
  top: "top",
  bottom: "bottom",
} as const;

export function statisticsHtml(page: StatisticsPage): string {
  const id = STATISTICS_IDS;
  // The control library looks for the nonce in a meta element of that name, for a style element by which it tries
  // what the browser can do.
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
<title>Entropy</title>
<link rel="stylesheet" href="${attribute(page.styleUri)}">
</head>
<body>
<section id="${id.nothing}" hidden>
<p>Annotate a trace to see how its entropies are spread.</p>
<vscode-button id="${id.annotate}">Annotate</vscode-button>
</section>
<main id="${id.trace}" hidden>
<p id="${id.heading}"></p>
<p id="${id.stale}" role="status"></p>
<figure>
<figcaption>Tokens by entropy in nats, log counts</figcaption>
<div class="chart"><canvas id="${id.chart}" role="img"></canvas></div>
</figure>
<table id="${id.figures}"><caption class="unseen">Figures of the trace</caption><tbody></tbody></table>
<vscode-button id="${id.setCut}" appearance="secondary">Set Cut...</vscode-button>
<h2>Percentiles (nats)</h2>
<table id="${id.percentiles}"><caption class="unseen">Entropy by percentile, in nats</caption><tbody></tbody></table>
<h2>Tokens by mean entropy</h2>
<p id="${id.seen}"></p>
<vscode-panels id="${id.tabs}" aria-label="Tokens by mean entropy">
<vscode-panel-tab id="tab-top">Highest</vscode-panel-tab>
<vscode-panel-tab id="tab-bottom">Lowest</vscode-panel-tab>
<vscode-panel-view id="view-top"><ol id="${id.top}"></ol></vscode-panel-view>
<vscode-panel-view id="view-bottom"><ol id="${id.bottom}"></ol></vscode-panel-view>
</vscode-panels>
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
