/** The view "Training": one run in a side bar. */
import { TRAINING_IDS } from "../../core/panels/trainingHtml";
import {
  type FromTraining,
  readToTraining,
  type Spark,
  type ToTraining,
} from "../../core/panels/trainingProtocol";
import { duration } from "../../core/run/duration";
import { visibleLine } from "../../core/panels/visibleText";
import { isLiveState } from "../../core/run/folder";
import { elementsOf } from "../elements";
import { Host } from "../host";
import { defineControls } from "../toolkit";

const element = elementsOf(TRAINING_IDS);

defineControls();
const host = new Host<ToTraining, FromTraining, null>(
  readToTraining,
  () => null,
);
let folder = "";

function show({ run, sparks }: Extract<ToTraining, { type: "show" }>): void {
  folder = run.folder;
  element("name").textContent = run.name;
  element("name").title = run.folder;
  element("state").textContent = run.isStopping ? "stopping" : run.state;
  element("steps").textContent =
    run.steps > 0 ? `step ${run.step} / ${run.steps}` : "";
  const progress = element<HTMLProgressElement>("progress");
  progress.max = Math.max(1, run.steps);
  progress.value = Math.min(run.step, run.steps);
  progress.setAttribute("aria-label", "Steps");
  element("facts").textContent =
    run.eta === null ? "" : `${duration(run.eta)} left`;
  element("message").textContent = run.message;
  element("message").title = run.message;
  const isLive = isLiveState(run.state);
  element("stop").toggleAttribute("disabled", !isLive || run.isStopping);
  element("sparks").replaceChildren(...sparks.map(sparkItem));
}

const SVG = "http://www.w3.org/2000/svg";
/** Of the drawing, which is stretched to the view's width. */
const WIDTH = 200;
const HEIGHT = 32;

function sparkItem({ label, latest, steps, values }: Spark): HTMLElement {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = visibleLine(label);
  const value = document.createElement("b");
  value.textContent = latest;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", pointsOf(steps, values));
  svg.append(line);
  item.append(name, value, svg);
  return item;
}

function pointsOf(steps: readonly number[], values: readonly number[]): string {
  const first = steps[0] ?? 0;
  const span = (steps.at(-1) ?? 1) - first || 1;
  const low = Math.min(...values);
  const height = Math.max(...values) - low || 1;
  return values
    .map((value, i) => {
      const x = (WIDTH * (steps[i]! - first)) / span;
      const y = 2 + (HEIGHT - 4) * (1 - (value - low) / height);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

host.onMessage((message) => {
  element("nothing").hidden = message.type !== "nothing";
  element("run").hidden = message.type !== "show";
  if (message.type === "show") show(message);
});
element("newRun").addEventListener("click", () =>
  host.post({ type: "newRun" }),
);
element("open").addEventListener("click", () =>
  host.post({ type: "openDashboard", folder }),
);
element("stop").addEventListener("click", () =>
  host.post({ type: "stop", folder }),
);
host.post({ type: "ready" });
