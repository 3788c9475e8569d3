/** What stands beside the form: problems, the estimate, and the explanation of a setting. */
import type { LaunchFacts } from "../../core/panels/launchProtocol";
import type { FormProblem } from "../../core/run/runForm";
import type { SettingField } from "../../core/run/settingFields";

/** Problems that are listed; the rest is counted. */
const MOST_LISTED = 8;

/** Lists the problems, each as a button that goes to its field. */
export function showProblems(
  element: HTMLElement,
  problems: readonly FormProblem[],
  labelOf: (field: string) => string,
  goTo: (field: string) => void,
): void {
  // What is the same is not read out again.
  const shown = JSON.stringify(problems);
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  const children: HTMLElement[] = [];
  if (problems.length > 0) {
    const heading = document.createElement("h2");
    heading.textContent =
      problems.length === 1
        ? "One setting to mend"
        : `${problems.length} settings to mend`;
    const list = document.createElement("ul");
    for (const { field, message } of problems.slice(0, MOST_LISTED)) {
      const item = document.createElement("li");
      const link = document.createElement("button");
      link.type = "button";
      link.className = "link";
      link.textContent = labelOf(field);
      link.addEventListener("click", () => goTo(field));
      item.append(link, `: ${message}`);
      list.append(item);
    }
    children.push(heading, list);
    if (problems.length > MOST_LISTED) {
      const more = document.createElement("p");
      more.textContent = `and ${problems.length - MOST_LISTED} more.`;
      children.push(more);
    }
  }
  element.replaceChildren(...children);
}

export function showEstimate(
  element: HTMLElement,
  estimate: LaunchFacts["estimate"],
): void {
  const heading = document.createElement("h2");
  heading.textContent = "Estimate";
  const list = document.createElement("dl");
  for (const { title, text } of estimate) {
    const term = document.createElement("dt");
    term.textContent = title;
    const value = document.createElement("dd");
    value.textContent = text;
    list.append(term, value);
  }
  element.replaceChildren(...(estimate.length > 0 ? [heading, list] : []));
}

/** Explains a setting: the schema's own text. */
export function showHelp(
  title: HTMLElement,
  text: HTMLElement,
  field: SettingField,
  label: string,
): void {
  const name = document.createElement("code");
  name.textContent = field.name;
  title.replaceChildren(label, " ", name);
  const facts = [
    field.limits === "" ? "" : `Range: ${field.limits}.`,
    isShort(field.default)
      ? `Default: ${typeof field.default === "string" ? field.default : JSON.stringify(field.default)}.`
      : "",
  ].filter((one) => one !== "");
  text.replaceChildren(
    ...inlineCode(field.description),
    document.createElement("br"),
    facts.join(" "),
  );
}

function isShort(value: unknown): boolean {
  return value !== undefined && typeof value !== "object";
}

/** Text in which `names` stand in backticks. */
function inlineCode(text: string): (Node | string)[] {
  return text.split("`").map((part, i) => {
    if (i % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}
