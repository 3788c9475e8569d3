/** The legend: a line a run with its state, progress, and buttons. */
import type { RunHead } from "../../core/panels/dashboardProtocol";
import { duration } from "../../core/run/duration";
import { isLiveState } from "../../core/run/folder";
import type { ShownRun } from "./model";
import { swatch } from "./palette";

export interface RunListEvents {
  toggle(folder: string): void;
  remove(folder: string): void;
  stop(folder: string): void;
}

/** A sign beside the word, so that a state is not told by colour. */
const SIGNS: Record<RunHead["state"], string> = {
  preparing: "\u25cc",
  running: "\u25b6",
  stopped: "\u25a0",
  done: "\u2713",
  failed: "\u2717",
  interrupted: "\u26a0",
  unreadable: "\u26a0",
};

interface Line {
  shown: string;
  readonly element: HTMLLIElement;
  readonly toggle: HTMLButtonElement;
  readonly name: HTMLSpanElement;
  readonly state: HTMLSpanElement;
  readonly progress: HTMLProgressElement;
  readonly steps: HTMLSpanElement;
  readonly facts: HTMLSpanElement;
  readonly message: HTMLSpanElement;
  readonly stop: HTMLButtonElement;
}

export class RunList {
  private readonly lines = new Map<string, Line>();

  constructor(
    private readonly list: HTMLElement,
    private readonly events: RunListEvents,
  ) {}

  show(runs: readonly ShownRun[], hidden: readonly string[]): void {
    const folders = new Set(runs.map(({ head }) => head.folder));
    for (const [folder, line] of this.lines)
      if (!folders.has(folder)) {
        line.element.remove();
        this.lines.delete(folder);
      }
    runs.forEach((run, at) => {
      const { folder } = run.head;
      let line = this.lines.get(folder);
      if (line === undefined) {
        line = this.create(folder);
        this.lines.set(folder, line);
      }
      fill(line, run, !hidden.includes(folder), runs.length === 1);
      // An element that is where it belongs keeps the focus.
      if (this.list.children[at] !== line.element)
        this.list.insertBefore(line.element, this.list.children[at] ?? null);
    });
  }

  private create(folder: string): Line {
    const element = document.createElement("li");
    const toggle = button("run-toggle");
    const name = span("run-name");
    const state = span("run-state");
    const progress = document.createElement("progress");
    const steps = span("run-steps");
    const facts = span("run-facts");
    const message = span("run-message");
    const stop = button("small");
    stop.textContent = "Stop";
    const remove = button("small");
    remove.textContent = "\u00d7";
    remove.title = "Draw this run no longer";
    toggle.addEventListener("click", () => this.events.toggle(folder));
    stop.addEventListener("click", () => this.events.stop(folder));
    remove.addEventListener("click", () => this.events.remove(folder));
    remove.classList.add("remove");
    element.append(
      toggle,
      state,
      progress,
      steps,
      facts,
      message,
      stop,
      remove,
    );
    return {
      shown: "",
      element,
      toggle,
      name,
      state,
      progress,
      steps,
      facts,
      message,
      stop,
    };
  }
}

/** What a line shows, so that one that has not changed is left alone. */
function keyOf(run: ShownRun, isDrawn: boolean, isOnly: boolean): string {
  const { head, style, columns, isComplete, bad } = run;
  const rows = isComplete ? 0 : columns.rows;
  return JSON.stringify([head, style, rows, bad, isDrawn, isOnly]);
}

function fill(
  line: Line,
  run: ShownRun,
  isDrawn: boolean,
  isOnly: boolean,
): void {
  const key = keyOf(run, isDrawn, isOnly);
  if (line.shown === key) return;
  line.shown = key;
  const { head } = run;
  line.element.dataset["state"] = head.state;
  line.name.textContent = head.name;
  line.toggle.replaceChildren(swatch(run.style), line.name);
  line.toggle.title = `${head.name} (${head.folder})`;
  line.toggle.setAttribute("aria-pressed", String(isDrawn));
  line.toggle.disabled = isOnly;
  line.state.textContent = `${SIGNS[head.state]} ${head.isStopping ? "stopping" : head.state}`;
  line.progress.max = Math.max(1, head.steps);
  line.progress.value = Math.min(head.step, head.steps);
  line.progress.setAttribute("aria-label", `Steps of ${head.name}`);
  line.steps.textContent =
    head.steps > 0 ? `${number(head.step)} / ${number(head.steps)}` : "";
  line.facts.textContent = factsOf(run).join(" \u00b7 ");
  line.message.textContent = head.message;
  line.message.title = head.message;
  line.stop.hidden = !isLiveState(head.state);
  line.stop.disabled = head.isStopping;
  line.stop.title = `Ask ${head.name} to save and stop`;
}

function factsOf({ head, isComplete, bad, columns }: ShownRun): string[] {
  const facts: string[] = [];
  if (head.eta !== null) facts.push(`${duration(head.eta)} left`);
  if (head.memory !== null) facts.push(bytes(head.memory));
  if (!isComplete) facts.push(`${number(columns.rows)} steps sampled`);
  if (bad > 0) facts.push(`${number(bad)} unreadable lines`);
  return facts;
}

function bytes(value: number): string {
  return value < 1e9
    ? `${Math.round(value / 1e6)} MB`
    : `${(value / 1e9).toFixed(1)} GB`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function span(className: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.className = className;
  return element;
}

function button(className: string): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  return element;
}
