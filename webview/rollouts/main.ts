/** The panel "Rollouts": one step's rollouts at a time, a page of rows on demand. */
import { ROLLOUTS_IDS } from "../../core/panels/rolloutsHtml";
import {
  type FromRolloutsPanel,
  PAGE_ROWS,
  type RolloutsPage,
  type RolloutsState,
  type ToRolloutsPanel,
  readRolloutsState,
  readToRolloutsPanel,
} from "../../core/panels/rolloutsProtocol";
import {
  type RolloutQuery,
  queryProblems,
} from "../../core/rollouts/rolloutRows";
import { elementsOf } from "../elements";
import { Host } from "../host";
import { checkbox, defineControls, setDisabled, textField } from "../toolkit";
import { RolloutTable } from "./rolloutTable";

/** Milliseconds between a key in a filter and the question to the host. */
const TYPING = 200;

const element = elementsOf(ROLLOUTS_IDS);

defineControls();
const host = new Host<ToRolloutsPanel, FromRolloutsPanel, RolloutsState>(
  readToRolloutsPanel,
  readRolloutsState,
);
const follow = checkbox("Follow newest", true, element("follow"));
const slider = element<HTMLInputElement>("slider");
const table = new RolloutTable(element("head"), element("rows"), {
  sort: (key) => {
    const { query } = host.state;
    const descending = query.sort === key ? !query.descending : false;
    ask({ query: { ...query, sort: key, descending }, offset: 0 });
  },
  open: (index, focus) => {
    const step = shownStep();
    if (step !== undefined) host.post({ type: "open", step, index, focus });
  },
});
let steps: readonly number[] = [];
let checkpoints: readonly number[] = [];
let typing: ReturnType<typeof setTimeout> | undefined;

/** The step that is shown: the chosen one while it is there, else the newest. */
function shownStep(): number | undefined {
  const { step } = host.state;
  return step !== null && steps.includes(step) ? step : steps.at(-1);
}

/** Notes what is wanted now, and asks the host for it. */
function ask(change: Partial<RolloutsState>): void {
  host.state = { ...host.state, ...change };
  const { query, offset } = host.state;
  const problems = queryProblems(query);
  element("hint").textContent = Object.values(problems).join(" ");
  showStep();
  table.showOrder(query);
  const step = shownStep();
  if (step !== undefined && Object.keys(problems).length === 0)
    host.post({ type: "read", step, query, offset });
}

function showStep(): void {
  const step = shownStep();
  const at = step === undefined ? -1 : steps.indexOf(step);
  const last = steps.length - 1;
  slider.max = String(Math.max(0, last));
  slider.value = String(Math.max(0, at));
  slider.disabled = steps.length < 2;
  const label =
    step === undefined ? "no rollouts yet" : `step ${step} of ${steps[last]}`;
  slider.setAttribute("aria-valuetext", label);
  element("step").textContent = label;
  setDisabled(element("older"), at <= 0);
  setDisabled(element("newer"), at >= last);
  setDisabled(
    element("inspect"),
    step === undefined || !checkpoints.includes(step),
  );
  follow.set(host.state.step === null);
}

function goTo(at: number): void {
  const step = steps[at];
  if (step !== undefined) ask({ step, offset: 0 });
}

function move(by: 1 | -1): void {
  const step = shownStep();
  if (step !== undefined) goTo(steps.indexOf(step) + by);
}

function showSteps(message: Extract<ToRolloutsPanel, { type: "steps" }>): void {
  const problem = element("problem");
  problem.textContent =
    message.problem ??
    (message.steps.length === 0
      ? "No rollouts yet: a run writes some down with every step."
      : "");
  problem.hidden = problem.textContent === "";
  element("heading").textContent = message.run;
  element("heading").title = message.folder;
  element("content").hidden = message.steps.length === 0;
  steps = message.steps;
  checkpoints = message.checkpoints;
  ask({
    folder: message.folder,
    ...(message.goTo !== undefined && { step: message.goTo, offset: 0 }),
  });
}

function showPage(page: RolloutsPage): void {
  const { query } = host.state;
  // An answer to what is no longer asked.
  if (page.step !== shownStep() || !sameQuery(page.query, query)) return;
  host.state = { ...host.state, offset: page.offset };
  table.show(page.rows);
  const { matching, total, offset, bad, badCount } = page;
  const noun = total === 1 ? "rollout" : "rollouts";
  element("count").textContent =
    matching === total ? `${total} ${noun}` : `${matching} of ${total} ${noun}`;
  const end = offset + page.rows.length;
  element("place").textContent =
    matching === 0 ? "" : `${offset + 1} to ${end} of ${matching}`;
  setDisabled(element("before"), offset === 0);
  setDisabled(element("behind"), end >= matching);
  element("bad").hidden = badCount === 0;
  element("badSummary").textContent =
    badCount === 1
      ? "1 line of this step cannot be read"
      : `${badCount} lines of this step cannot be read`;
  const lines = bad.map(({ line, message }) => `line ${line}: ${message}`);
  if (badCount > bad.length) lines.push(`and ${badCount - bad.length} more`);
  element("badLines").replaceChildren(
    ...lines.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

function sameQuery(a: RolloutQuery, b: RolloutQuery): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

host.onMessage((message) => {
  switch (message.type) {
    case "steps":
      showSteps(message);
      break;
    case "page":
      showPage(message.page);
      break;
    case "reading":
      if (message.step === shownStep())
        element("count").textContent =
          `Reading: ${message.done} of ${message.total} rollouts`;
      break;
    case "failed":
      if (message.step !== shownStep()) break;
      table.show([]);
      element("count").textContent = message.message;
      break;
  }
});

slider.addEventListener("input", () => goTo(Number(slider.value)));
element("older").addEventListener("click", () => move(-1));
element("newer").addEventListener("click", () => move(1));
follow.onChange(() =>
  ask({ step: follow.get() ? null : (shownStep() ?? null), offset: 0 }),
);
element("inspect").addEventListener("click", () => {
  const step = shownStep();
  if (step !== undefined) host.post({ type: "inspect", step });
});
for (const name of ["group", "reward", "text"] as const) {
  const field = textField(host.state.query[name], element(name));
  field.onChange(() => {
    clearTimeout(typing);
    const query = { ...host.state.query, [name]: field.get() };
    host.state = { ...host.state, query, offset: 0 };
    typing = setTimeout(() => ask({}), TYPING);
  });
}
element("before").addEventListener("click", () =>
  ask({ offset: Math.max(0, host.state.offset - PAGE_ROWS) }),
);
element("behind").addEventListener("click", () =>
  ask({ offset: host.state.offset + PAGE_ROWS }),
);
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "PageUp") move(-1);
  else if (event.key === "PageDown") move(1);
  else return;
  event.preventDefault();
});
host.post({ type: "ready" });
