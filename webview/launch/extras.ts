/** What stands behind some controls: the engines' state, the models that were found, the data as it is read. */
import type {
  DataPreview,
  EngineChoice,
  ModelChoice,
} from "../../core/panels/launchProtocol";
import { button, dropdown } from "../toolkit";

const STATES = {
  pending: "being asked...",
  available: "available",
  missing: "not available",
} as const;

/** How an engine reads among the others. */
export function engineLabel({ id, state }: EngineChoice): string {
  return `${id} (${STATES[state]})`;
}

/** What the chosen engine is, what is missing, and a button that mends it. */
export function showEngine(
  element: HTMLElement,
  engine: EngineChoice | undefined,
  onRemedy: (engine: EngineChoice) => void,
): void {
  if (engine === undefined) {
    element.replaceChildren();
    return;
  }
  const lines = [engine.description, engine.detail]
    .filter((text) => text !== "")
    .map((text) => {
      const line = document.createElement("p");
      line.className = "note";
      line.textContent = text;
      return line;
    });
  if (engine.state === "missing") lines.at(-1)?.classList.add("missing");
  const remedy =
    engine.remedy === undefined
      ? []
      : [button(engine.remedy, "secondary", () => onRemedy(engine))];
  element.replaceChildren(...lines, ...remedy);
}

/** A list of models that were found; choosing one fills the field. */
export function showModels(
  element: HTMLElement,
  models: readonly ModelChoice[],
  isSearching: boolean,
  onChoose: (path: string) => void,
): void {
  // A list that is open stays open while nothing is new.
  const shown = JSON.stringify([models, isSearching]);
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  const title = isSearching
    ? "Looking for models..."
    : models.length === 0
      ? "No models were found in the known places"
      : "Choose among the models found...";
  const choices = models.map(({ path, label, detail }) => ({
    value: path,
    label: `${label} (${detail})`,
  }));
  const control = dropdown([{ value: "", label: title }, ...choices], "");
  control.element.setAttribute("aria-label", "Models that were found");
  control.onChange(() => {
    if (control.get() !== "") onChoose(control.get());
  });
  element.replaceChildren(control.element);
}

/** Data sets as the trainer will read them. */
export function showData(
  element: HTMLElement,
  previews: readonly DataPreview[],
  onOpenLine: (preview: DataPreview, line: number) => void,
): void {
  const shown = JSON.stringify(previews);
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  element.replaceChildren(
    ...previews.flatMap((preview) => onePreview(preview, onOpenLine)),
  );
}

function onePreview(
  preview: DataPreview,
  onOpenLine: (preview: DataPreview, line: number) => void,
): HTMLElement[] {
  const made: HTMLElement[] = [];
  const prefix = preview.set === undefined ? "" : `${preview.set}: `;
  if (preview.problem !== undefined) return made;
  const count = document.createElement("p");
  count.className = "count note";
  const noun = preview.count === 1 ? "problem" : "problems";
  count.textContent = `${prefix}${preview.count.toLocaleString("en")} ${noun}${preview.isPartial ? " in the part that was read" : ""}`;
  made.push(count);
  if (preview.badCount > 0) {
    const bad = document.createElement("ul");
    bad.className = "bad-lines";
    for (const { line, message } of preview.bad) {
      const item = document.createElement("li");
      const link = document.createElement("button");
      link.type = "button";
      link.className = "link";
      link.textContent = `line ${line}`;
      link.addEventListener("click", () => onOpenLine(preview, line));
      item.append(link, `: ${message}`);
      bad.append(item);
    }
    made.push(bad);
  }
  if (preview.set === undefined && preview.samples.length > 0) {
    const table = document.createElement("table");
    table.className = "samples";
    const head = table.createTHead().insertRow();
    for (const title of ["Prompt", "Answer"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const { prompt, answer } of preview.samples) {
      const row = body.insertRow();
      row.insertCell().textContent = prompt;
      row.insertCell().textContent = answer;
    }
    made.push(table);
  }
  return made;
}
