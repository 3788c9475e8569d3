/** The launch panel: a form of a run's settings. */
import { LAUNCH_IDS } from "../../core/panels/launchHtml";
import {
  type EngineChoice,
  type FormState,
  type FromLaunchPanel,
  type LaunchFacts,
  readFormState,
  readToLaunchPanel,
  type ToLaunchPanel,
} from "../../core/panels/launchProtocol";
import { checkForm, type FormProblem } from "../../core/run/runForm";
import { elementsOf } from "../elements";
import { Host } from "../host";
import { defineControls, setDisabled } from "../toolkit";
import { engineLabel, showData, showEngine, showModels } from "./extras";
import { RunFormView } from "./runFormView";
import { showEstimate, showHelp, showProblems } from "./sidePanel";

/** Milliseconds without a change after which the host is asked anew: typing comes in bursts. */
const SETTLE = 300;

const element = elementsOf(LAUNCH_IDS);

defineControls();
const host = new Host<ToLaunchPanel, FromLaunchPanel, FormState | undefined>(
  readToLaunchPanel,
  readFormState,
);

let view: RunFormView | undefined;
let file = "";
let facts: LaunchFacts = { problems: [], data: [], estimate: [] };
let engines: readonly EngineChoice[] = [];
let isTrusted = true;
let timer: number | undefined;

function build({ values, file: from, unfolded }: FormState): void {
  file = from;
  view = new RunFormView(element("form"), values, unfolded, {
    changed: () => {
      refresh();
      askSoon();
    },
    attended: (field, label) =>
      showHelp(element("helpTitle"), element("helpText"), field, label),
    folded: keep,
    browse: (field, folder, row) =>
      host.post({
        type: "browse",
        field,
        folder,
        ...(row !== undefined && { row }),
      }),
  });
  refresh();
  keep();
}

/** What the form alone decides: problems, what is shown, whether it can be launched. */
function refresh(): void {
  if (view === undefined) return;
  const { values } = view;
  const known = checkForm(values).problems;
  const problems: FormProblem[] = [
    ...known,
    // Of a field that does not hold, what the host said before is old.
    ...facts.problems.filter(
      (one) => !known.some(({ field }) => field === one.field),
    ),
  ];
  view.showProblems(problems);
  showProblems(
    element("problems"),
    problems,
    (field) => view?.labelOf(field) ?? field,
    (field) => view?.focus(field),
  );
  const engine = engines.find(({ id }) => id === values.engine);
  setDisabled(
    element("launch"),
    problems.length > 0 || !isTrusted || engine?.state === "missing",
  );
  showEngines(engine);
  keep();
}

function showEngines(chosen: EngineChoice | undefined): void {
  const at = view?.extraOf("engine");
  if (at === undefined) return;
  for (const engine of engines)
    view?.labelChoice("engine", engine.id, engineLabel(engine));
  showEngine(at, chosen, ({ id }) => host.post({ type: "remedy", engine: id }));
}

function askSoon(): void {
  window.clearTimeout(timer);
  timer = window.setTimeout(() => {
    if (view) host.post({ type: "changed", values: view.values });
  }, SETTLE);
}

/** Keeps what a person has filled in, for when the panel is hidden or the window is loaded anew. */
function keep(): void {
  if (view === undefined) return;
  host.state = { values: view.values, file, unfolded: view.unfolded };
  const name = file.split(/[\\/]/).at(-1) ?? "";
  const link = element<HTMLButtonElement>("file");
  link.textContent = name === "" ? "Not saved yet" : name;
  link.title = file;
  link.disabled = name === "";
}

function showFacts(next: LaunchFacts): void {
  facts = next;
  const openLine = (path: string, line: number) =>
    host.post({ type: "openLine", path, line });
  for (const field of ["data.train", "data.eval"]) {
    const at = view?.extraOf(field);
    if (at === undefined) continue;
    const previews = facts.data.filter((one) => one.field === field);
    showData(at, previews, (preview, line) => openLine(preview.path, line));
  }
  showEstimate(element("estimate"), facts.estimate);
  refresh();
}

host.onMessage((message) => {
  switch (message.type) {
    case "form":
      build(message.form);
      askSoon();
      break;
    case "surroundings": {
      ({ engines, isTrusted } = message);
      element("trust").hidden = isTrusted;
      const at = view?.extraOf("model");
      if (at)
        showModels(at, message.models, message.isSearching, (path) => {
          view?.set("model", path);
          refresh();
          askSoon();
        });
      refresh();
      break;
    }
    case "facts":
      showFacts(message.facts);
      break;
    case "picked":
      view?.pick(message.field, message.path, message.row);
      refresh();
      askSoon();
      break;
    case "saved":
      file = message.file;
      keep();
      break;
  }
});

element("launch").addEventListener("click", () => {
  if (view) host.post({ type: "launch", values: view.values });
});
element("save").addEventListener("click", () => {
  if (view) host.post({ type: "save", values: view.values, as: false });
});
element("saveAs").addEventListener("click", () => {
  if (view) host.post({ type: "save", values: view.values, as: true });
});
element("manageTrust").addEventListener("click", () =>
  host.post({ type: "manageTrust" }),
);
element("file").addEventListener("click", () =>
  host.post({ type: "openFile" }),
);

const kept = host.state;
if (kept) build(kept);
host.post({ type: "ready", ...(kept && { form: kept }) });
