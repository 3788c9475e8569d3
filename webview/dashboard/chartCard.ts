import type { ChartSpec } from "../../core/panels/dashboardCharts";
import type { StepRange } from "../../core/panels/dashboardProtocol";
import { createChart, type LineChart, setScales } from "./chart";
import { drawCursor } from "./cursor";
import {
  comparedSteps,
  described,
  type Drawing,
  drawingOf,
  markOf,
} from "./datasets";
import { type DashboardModel, seriesKey } from "./model";
import { visibleLine } from "../../core/panels/visibleText";
import { fillReadout } from "./readout";

/** What a card asks of the dashboard. */
export interface CardEvents {
  range(range: StepRange | null): void;
  cursor(step: number | undefined): void;
  hide(): void;
  toggleLog(): void;
  series(key: string, isShown: boolean): void;
  focus(folder: string): void;
  binStep(step: number): void;
}

/** One chart with its title, buttons and the values at the cursor. */
export class ChartCard {
  readonly element = document.createElement("article");
  private readonly canvas = document.createElement("canvas");
  private readonly overlay = document.createElement("canvas");
  private readonly readout = document.createElement("table");
  private readonly log = button("log", "Logarithmic axis");
  private readonly choices = document.createElement("div");
  private chart: LineChart | undefined;
  private drawing: Drawing = { datasets: [], readings: [] };
  private choicesShown = "";

  constructor(
    private spec: ChartSpec,
    private readonly model: DashboardModel,
    private readonly events: CardEvents,
  ) {
    const { element, canvas, overlay } = this;
    element.className = `card ${spec.kind}`;
    element.dataset["chart"] = spec.id;
    const head = document.createElement("header");
    const title = document.createElement("h3");
    title.textContent = visibleLine(spec.title);
    title.title = visibleLine(spec.help);
    const unit = document.createElement("span");
    unit.className = "unit";
    unit.textContent = spec.unit;
    const hide = button("\u00d7", `Hide ${visibleLine(spec.title)}`);
    hide.addEventListener("click", () => events.hide());
    this.log.addEventListener("click", () => events.toggleLog());
    this.log.hidden = spec.kind === "stack" || spec.kind === "bins";
    head.append(title, unit, this.log, hide);
    this.choices.className = "choices-row";
    const plot = document.createElement("div");
    plot.className = "plot";
    overlay.className = "overlay";
    overlay.hidden = true;
    overlay.setAttribute("aria-hidden", "true");
    canvas.setAttribute("role", "img");
    canvas.tabIndex = 0;
    plot.append(canvas, overlay);
    this.readout.className = "readout";
    const caption = this.readout.createCaption();
    caption.className = "unseen";
    caption.textContent = `${visibleLine(spec.title)}: values at the cursor, or the latest`;
    this.readout.createTBody();
    const values = document.createElement("div");
    values.className = "values";
    values.append(this.readout);
    element.append(head, this.choices, plot, values);
    canvas.addEventListener("mousemove", (event) => this.pointAt(event));
    canvas.addEventListener("mouseleave", () => events.cursor(undefined));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("dblclick", () => events.range(null));
  }

  /** The series may become more while a run goes on. */
  setSpec(spec: ChartSpec): void {
    this.spec = spec;
  }

  /** Draws everything anew. */
  render(): void {
    const { model, spec } = this;
    this.drawing = drawingOf(spec, model);
    this.chart ??= createChart(this.canvas, spec, (range) =>
      this.events.range(range),
    );
    const isLog = model.state.log.includes(spec.id);
    this.log.setAttribute("aria-pressed", String(isLog));
    this.chart.data.datasets = this.drawing.datasets;
    setScales(this.chart, spec, model.extent, isLog);
    this.chart.update("none");
    this.canvas.setAttribute(
      "aria-label",
      described(spec, this.drawing.readings),
    );
    this.showChoices();
    this.showCursor();
  }

  /** Moves the cursor and its values alone. */
  showCursor(): void {
    if (this.chart === undefined) return;
    const { cursor } = this.model;
    const hasSteps = this.spec.kind !== "bins";
    const { datasets, readings } = this.drawing;
    drawCursor(
      this.overlay,
      this.chart,
      hasSteps ? cursor : undefined,
      readings,
      datasets.map(({ data }) => data),
    );
    const at = hasSteps ? cursor : undefined;
    fillReadout(this.readout, this.spec, readings, at);
  }

  /** The chart as it is drawn, for a picture. */
  get picture(): HTMLCanvasElement {
    return this.canvas;
  }

  dispose(): void {
    this.chart?.destroy();
    this.element.remove();
  }

  /** Buttons for series, or a choice of the run or of the step. */
  private showChoices(): void {
    const { spec, model } = this;
    const steps = spec.kind === "bins" ? comparedSteps(model) : [];
    const runs = model.visibleRuns;
    const key = JSON.stringify([
      spec.series.map(({ metric }) => [
        metric,
        model.isSeriesShown(spec, metric),
      ]),
      steps,
      model.binStep,
      runs.map(({ head }) => [head.folder, head.name]),
      model.focus?.head.folder,
    ]);
    if (key === this.choicesShown) return;
    this.choicesShown = key;
    if (spec.kind === "bins")
      this.choices.replaceChildren(
        ...stepChoice(steps, model.binStep, this.events),
      );
    else if (spec.kind === "lines")
      this.choices.replaceChildren(
        ...(spec.series.length > 1
          ? spec.series.map(({ metric, label }, i) =>
              this.seriesButton(
                metric,
                visibleLine(label),
                runs.length > 1 ? `${markOf(i)} ` : "",
              ),
            )
          : []),
      );
    else
      this.choices.replaceChildren(
        ...(runs.length > 1 ? [this.runChoice()] : []),
      );
  }

  /** @param mark what its lines bear where several runs are drawn */
  private seriesButton(
    metric: string,
    label: string,
    mark: string,
  ): HTMLElement {
    const { spec, model } = this;
    const isShown = model.isSeriesShown(spec, metric);
    const one = button(mark + label, `Show ${label}`);
    one.classList.add("series");
    one.setAttribute("aria-pressed", String(isShown));
    one.addEventListener("click", () =>
      this.events.series(seriesKey(spec.id, metric), !isShown),
    );
    return one;
  }

  private runChoice(): HTMLElement {
    const select = document.createElement("select");
    select.setAttribute("aria-label", "Run of this chart");
    for (const { head } of this.model.visibleRuns) {
      const option = new Option(head.name, head.folder);
      option.selected = head.folder === this.model.focus?.head.folder;
      select.append(option);
    }
    select.addEventListener("change", () => this.events.focus(select.value));
    return select;
  }

  private pointAt(event: MouseEvent): void {
    const { chart } = this;
    if (chart === undefined || this.spec.kind === "bins") return;
    const { left, right } = chart.chartArea;
    const x = Math.max(left, Math.min(right, event.offsetX));
    const step = chart.scales["x"]!.getValueForPixel(x);
    this.events.cursor(step === undefined ? undefined : Math.round(step));
  }

  private key(event: KeyboardEvent): void {
    if (this.spec.kind === "bins" || event.ctrlKey || event.metaKey) return;
    const { from, to } = this.model.extent;
    const { cursor = to } = this.model;
    const stride = event.shiftKey ? Math.max(1, (to - from) / 20) : 1;
    const about = (factor: number) => {
      const half = (factor * (to - from)) / 2;
      this.events.range({ from: cursor - half, to: cursor + half });
    };
    switch (event.key) {
      case "ArrowLeft":
        this.events.cursor(
          Math.max(Math.ceil(from), Math.round(cursor - stride)),
        );
        break;
      case "ArrowRight":
        this.events.cursor(
          Math.min(Math.floor(to), Math.round(cursor + stride)),
        );
        break;
      case "+":
        about(0.5);
        break;
      case "-":
        about(2);
        break;
      case "0":
        this.events.range(null);
        break;
      case "Escape":
        this.events.cursor(undefined);
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}

function stepChoice(
  steps: readonly number[],
  chosen: number | undefined,
  events: CardEvents,
): HTMLElement[] {
  if (steps.length === 0) return [];
  const at = chosen === undefined ? steps.length - 1 : steps.indexOf(chosen);
  const slider = document.createElement("input");
  Object.assign(slider, {
    type: "range",
    min: "0",
    max: `${steps.length - 1}`,
  });
  slider.value = String(Math.max(0, at));
  slider.setAttribute("aria-label", "Step");
  const output = document.createElement("output");
  const show = () => {
    output.textContent = `step ${steps[Number(slider.value)]}`;
  };
  show();
  slider.addEventListener("input", show);
  slider.addEventListener("change", () =>
    events.binStep(steps[Number(slider.value)]!),
  );
  return [slider, output];
}

function button(text: string, label: string): HTMLButtonElement {
  const one = document.createElement("button");
  one.type = "button";
  one.className = "small";
  one.textContent = text;
  one.title = label;
  one.setAttribute("aria-label", label);
  return one;
}
