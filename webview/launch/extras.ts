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

/** Every engine with its state; what is missing of the chosen one, and a button that mends it. */
export function showEngines(
  element: HTMLElement,
  engines: readonly EngineChoice[],
  chosen: string,
  onRemedy: (engine: EngineChoice) => void,
): void {
  const list = document.createElement("dl");
  list.className = "engines";
  for (const engine of engines) {
    const name = document.createElement("dt");
    name.textContent = `${engine.id}: ${STATES[engine.state]}`;
    name.classList.toggle("missing", engine.state === "missing");
    const detail = document.createElement("dd");
    detail.textContent = [engine.description, engine.detail]
      .filter((text) => text !== "")
      .join(" ");
    list.append(name, detail);
    if (engine.id === chosen && engine.remedy !== undefined)
      detail.append(button(engine.remedy, "secondary", () => onRemedy(engine)));
  }
  element.replaceChildren(...(engines.length > 0 ? [list] : []));
}

/** A list of models that were found; choosing one fills the field. */
export function showModels(
  element: HTMLElement,
  models: readonly ModelChoice[],
  isSearching: boolean,
  onChoose: (path: string) => void,
): void {
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
  count.className = "count";
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
  if (preview.samples.length > 0) {
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
