/** The page of the view "Entropy" as a skeleton. The script fills it. */
import { page, type PageParts } from "./page";

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

export function statisticsHtml(parts: PageParts): string {
  const id = STATISTICS_IDS;
  return page(
    parts,
    "Entropy",
    `<section id="${id.nothing}" hidden>
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
</main>`,
  );
}
