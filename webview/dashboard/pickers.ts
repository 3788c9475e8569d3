/** The lists that open under the buttons: which runs are drawn, which charts are shown. */
import type { ChartSpec } from "../../core/panels/dashboardCharts";
import type { DashboardModel } from "./model";
import { visibleLine } from "../../core/panels/visibleText";

/** Opens and closes a popover under its button. */
export function opensUnder(button: HTMLElement, popover: HTMLElement): void {
  button.addEventListener("click", () => {
    const { right, bottom } = button.getBoundingClientRect();
    popover.style.top = `${bottom + 4}px`;
    popover.togglePopover();
    const { width } = popover.getBoundingClientRect();
    const left = Math.min(right, innerWidth - 8) - width;
    popover.style.left = `${Math.max(8, left)}px`;
    if (popover.matches(":popover-open"))
      popover.querySelector<HTMLElement>("input, button")?.focus();
  });
}

/** @param onChoose called with the folders to draw */
export function fillRunPicker(
  list: HTMLElement,
  model: DashboardModel,
  filter: string,
  onChoose: (folders: string[]) => void,
): void {
  const drawn = model.runs.map(({ head }) => head.folder);
  const known = new Map(model.known.map((run) => [run.folder, run]));
  for (const { head } of model.runs)
    if (!known.has(head.folder)) known.set(head.folder, head);
  const words = filter.trim().toLowerCase();
  const choices = [...known.values()]
    .filter((run) => `${run.group} ${run.name}`.toLowerCase().includes(words))
    .map((run) =>
      choice(
        run.name,
        run.state,
        run.folder,
        drawn.includes(run.folder),
        (isOn) =>
          onChoose(
            isOn
              ? [...drawn, run.folder]
              : drawn.filter((one) => one !== run.folder),
          ),
      ),
    );
  refill(list, choices, words === "" ? "No run is known." : "No run matches.");
}

export function fillChartPicker(
  list: HTMLElement,
  specs: readonly ChartSpec[],
  hidden: readonly string[],
  onChoose: (hidden: string[]) => void,
): void {
  const choices = specs.map((spec) =>
    choice(
      visibleLine(spec.title),
      "",
      spec.id,
      !hidden.includes(spec.id),
      (isOn) =>
        onChoose(
          isOn ? hidden.filter((one) => one !== spec.id) : [...hidden, spec.id],
        ),
    ),
  );
  refill(list, choices, "No chart has data.");
}

/** Keeps the focus on the choice that has it: the list is filled anew while it is open. */
function refill(
  list: HTMLElement,
  choices: readonly HTMLElement[],
  nothing: string,
): void {
  const focused = document.activeElement?.closest<HTMLElement>(".choice");
  const key = list.contains(focused ?? null)
    ? focused?.dataset["key"]
    : undefined;
  if (choices.length === 0) {
    const note = document.createElement("p");
    note.textContent = nothing;
    list.replaceChildren(note);
    return;
  }
  list.replaceChildren(...choices);
  if (key === undefined) return;
  choices
    .find((one) => one.dataset["key"] === key)
    ?.querySelector("input")
    ?.focus();
}

function choice(
  label: string,
  note: string,
  key: string,
  isOn: boolean,
  onChange: (isOn: boolean) => void,
): HTMLElement {
  const element = document.createElement("label");
  element.className = "choice";
  element.dataset["key"] = key;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = isOn;
  box.addEventListener("change", () => onChange(box.checked));
  const text = document.createElement("span");
  text.textContent = label;
  const aside = document.createElement("small");
  aside.textContent = note;
  element.append(box, text, aside);
  element.title = label;
  return element;
}
