/** The view "Entropy": the statistics of the active trace. */
import { STATISTICS_IDS } from "../../core/panels/statisticsHtml";
import {
  type FromStatisticsView,
  readToStatisticsView,
  type ShownTrace,
  type ToStatisticsView,
} from "../../core/panels/statisticsProtocol";
import { elementsOf } from "../elements";
import { Host } from "../host";
import { defineControls, onTabChange, selectTab } from "../toolkit";
import { showFigures, showPercentiles } from "./figures";
import { HistogramChart } from "./histogramChart";
import { showTokens } from "./tokenList";

/** What is kept while the view is hidden: the tab. The numbers come anew from the host. */
interface ViewState {
  readonly tab: string;
}

function readState(state: unknown): ViewState {
  const tab =
    typeof state === "object" && state !== null && "tab" in state
      ? state.tab
      : undefined;
  return { tab: tab === "tab-bottom" ? tab : "tab-top" };
}

const element = elementsOf(STATISTICS_IDS);

defineControls();
const host = new Host<ToStatisticsView, FromStatisticsView, ViewState>(
  readToStatisticsView,
  readState,
);
let chart: HistogramChart | undefined;

function show(trace: ShownTrace): void {
  const { summary } = trace;
  element("nothing").hidden = true;
  element("trace").hidden = false;
  element("heading").textContent = `${trace.document}, by ${trace.model}`;
  element("heading").title = `${trace.document}, by ${trace.model}`;
  element("stale").textContent = trace.isFresh
    ? ""
    : "Edited since it was scored.";
  showFigures(element("figures"), summary);
  showPercentiles(element("percentiles"), summary);
  element("seen").textContent =
    summary.topTokens.length === 0
      ? `No token stands here ${summary.minimumSeen} times or more.`
      : `Tokens seen at least ${summary.minimumSeen} times.`;
  const reveal = (id: number) => host.post({ type: "revealToken", id });
  showTokens(element("top"), summary.topTokens, reveal);
  showTokens(element("bottom"), summary.bottomTokens, reveal);
  // Only now has the canvas a size.
  chart ??= new HistogramChart(element<HTMLCanvasElement>("chart"));
  chart.show(trace);
}

host.onMessage((message) => {
  switch (message.type) {
    case "show":
      show(message.trace);
      break;
    case "nothing":
      element("nothing").hidden = false;
      element("trace").hidden = true;
      break;
  }
});
element("annotate").addEventListener("click", () =>
  host.post({ type: "annotate" }),
);
element("setCut").addEventListener("click", () =>
  host.post({ type: "setCut" }),
);
selectTab(element("tabs"), host.state.tab);
onTabChange(element("tabs"), (tab) => {
  host.state = readState({ tab });
});
host.post({ type: "ready" });
