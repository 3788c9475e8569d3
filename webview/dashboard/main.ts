/** The dashboard: the metrics of any runs over each other, as they come in. */
import type { ChartSpec } from "../../core/panels/dashboardCharts";
import { DASHBOARD_IDS } from "../../core/panels/dashboardHtml";
import {
  type DashboardState,
  type FromDashboard,
  readDashboardState,
  readToDashboard,
  type StepRange,
  type ToDashboard,
} from "../../core/panels/dashboardProtocol";
import { isLiveState } from "../../core/run/folder";
import { elementsOf } from "../elements";
import { Host } from "../host";
import { onThemeChange } from "../theme";
import { defineControls } from "../toolkit";
import { Cards } from "./cards";
import { picture, shownCsv } from "./exporting";
import { DashboardModel } from "./model";
import { fillChartPicker, fillRunPicker, opensUnder } from "./pickers";
import { RunList } from "./runList";
import { fillSettings } from "./settingsTable";

const element = elementsOf(DASHBOARD_IDS);

defineControls();
const host = new Host<ToDashboard, FromDashboard, DashboardState>(
  readToDashboard,
  readDashboardState,
);
const model = new DashboardModel(host.state);
const cards = new Cards(model, (spec) => ({
  range: setRange,
  cursor: (step) => {
    model.cursor = step;
    cards.moveCursor();
  },
  hide: () => update({ hiddenCharts: [...model.state.hiddenCharts, spec.id] }),
  toggleLog: () => update({ log: toggled(model.state.log, spec.id) }),
  series: (key, isShown) =>
    update({ series: { ...model.state.series, [key]: isShown } }),
  focus: (focus) => update({ focus }),
  binStep: (step) => {
    model.binStep = step;
    cards.refresh();
  },
}));
const runList = new RunList(element("runs"), {
  toggle: (folder) =>
    update({ hiddenRuns: toggled(model.state.hiddenRuns, folder) }),
  remove: (folder) =>
    host.post({
      type: "show",
      folders: model.state.folders.filter((one) => one !== folder),
    }),
  stop: (folder) => host.post({ type: "stop", folder }),
});
let hasRuns = false;
/** Whether the rows of all runs had come when they were drawn last. */
let hasRows = false;
let settingsShown = "";
let frame: number | undefined;

/** Changes how things are shown, and keeps it for when the page comes again. */
function update(changes: Partial<DashboardState>): void {
  model.state = { ...model.state, ...changes };
  host.state = model.state;
  show();
}

function setRange(range: StepRange | null): void {
  const whole = model.wholeExtent;
  const wanted =
    range === null
      ? null
      : {
          from: Math.max(whole.from, range.from),
          to: Math.min(whole.to, range.to),
        };
  const isAll =
    wanted === null ||
    wanted.to - wanted.from < 1 ||
    (wanted.from <= whole.from && wanted.to >= whole.to);
  update({ range: isAll ? null : wanted });
  host.post({ type: "range", range: isAll ? null : wanted });
}

function toggled(list: readonly string[], one: string): string[] {
  return list.includes(one) ? list.filter((it) => it !== one) : [...list, one];
}

/** The charts that the user has not hidden. */
function shownSpecs(): { known: ChartSpec[]; other: ChartSpec[] } {
  const { known, other } = model.charts;
  const isShown = ({ id }: ChartSpec) => !model.state.hiddenCharts.includes(id);
  return { known: known.filter(isShown), other: other.filter(isShown) };
}

/** Shows what has come, together with what comes in the same frame. */
function showSoon(): void {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    show(true);
  });
}

/** @param isData whether data came, and not an order of the user */
function show(isData = false): void {
  model.changed();
  const { state, runs } = model;
  runList.show(runs, state.hiddenRuns);
  const { known, other } = shownSpecs();
  cards.arrange(element("charts"), known);
  const folded = element<HTMLDetailsElement>("other");
  folded.hidden = other.length === 0;
  folded.open = state.isOtherOpen;
  element("otherSummary").textContent = `Other metrics (${other.length})`;
  cards.arrange(element("otherCharts"), state.isOtherOpen ? other : []);
  element("nothing").hidden = !hasRuns || runs.length > 0;
  showWaiting(known.length > 0);
  showSettings();
  showTools();
  showPickers();
  // The first runs are drawn at once, the others together.
  const isFirst = hasRows !== model.hasAllRows || known.length === 0;
  hasRows = model.hasAllRows;
  if (isFirst || !isData) cards.refresh();
  else if (hasRows) cards.refreshWhenIdle();
}

function showWaiting(hasCharts: boolean): void {
  const { runs, hasAllRows } = model;
  const waiting = element("waiting");
  waiting.hidden = hasCharts || runs.length === 0;
  const mayCome = runs.some(({ head }) => isLiveState(head.state));
  waiting.textContent = !hasAllRows
    ? "Reading metrics..."
    : mayCome
      ? "No metrics yet. They appear here after the first step."
      : "No metrics: no step was done.";
}

function showSettings(): void {
  const { settings, runs, state } = model;
  const key = JSON.stringify([
    settings,
    state.areSettingsOpen,
    runs.map(({ head, style }) => [head.name, style]),
  ]);
  if (key === settingsShown) return;
  settingsShown = key;
  const details = element<HTMLDetailsElement>("settings");
  const summary = fillSettings(element("settingsTable"), model);
  details.hidden = summary === "";
  details.open = model.state.areSettingsOpen;
  element("settingsSummary").textContent = summary;
}

function showTools(): void {
  const { smoothing, range } = model.state;
  element<HTMLInputElement>("smoothing").value = String(smoothing);
  element("smoothingValue").textContent = smoothing.toFixed(2);
  element("resetZoom").toggleAttribute("disabled", range === null);
}

function showPickers(): void {
  const filter = element<HTMLInputElement>("runFilter").value;
  if (element("runPicker").matches(":popover-open"))
    fillRunPicker(element("runChoices"), model, filter, (folders) =>
      host.post({ type: "show", folders }),
    );
  if (element("chartPicker").matches(":popover-open")) {
    const { known, other } = model.charts;
    fillChartPicker(
      element("chartChoices"),
      [...known, ...other],
      model.state.hiddenCharts,
      (hiddenCharts) => update({ hiddenCharts }),
    );
  }
}

function receive(message: ToDashboard): void {
  switch (message.type) {
    case "runs":
      hasRuns = true;
      model.setRuns(message);
      model.state = {
        ...model.state,
        folders: message.shown.map(({ folder }) => folder),
      };
      host.state = model.state;
      break;
    case "columns":
      model.setColumns(message);
      break;
    case "append":
      if (!model.append(message))
        host.post({ type: "refresh", folder: message.folder });
      break;
    case "settings":
      model.settings = message;
      break;
  }
  showSoon();
}

async function savePng(): Promise<void> {
  const { known, other } = shownSpecs();
  const specs = model.state.isOtherOpen ? [...known, ...other] : known;
  const charts = specs.flatMap((spec) => {
    const canvas = cards.drawn(spec);
    return canvas === undefined ? [] : [{ spec, canvas }];
  });
  const bytes = await picture(model, charts);
  host.post({ type: "savePng", bytes });
}

function saveCsv(): void {
  const { known, other } = shownSpecs();
  const specs = model.state.isOtherOpen ? [...known, ...other] : known;
  host.post({ type: "saveCsv", text: shownCsv(model, specs) });
}

/** A choice of the export menu. */
function exports(name: "savePng" | "saveCsv" | "saveAllCsv", run: () => void) {
  element(name).addEventListener("click", () => {
    element("exportMenu").hidePopover();
    run();
  });
}

host.onMessage(receive);
onThemeChange(() => show());
opensUnder(element("chooseRuns"), element("runPicker"));
opensUnder(element("chooseCharts"), element("chartPicker"));
opensUnder(element("exports"), element("exportMenu"));
for (const name of ["runPicker", "chartPicker"] as const)
  element(name).addEventListener("toggle", showPickers);
element("runFilter").addEventListener("input", showPickers);
element("resetZoom").addEventListener("click", () => setRange(null));
element<HTMLInputElement>("smoothing").addEventListener("input", (event) =>
  update({ smoothing: Number((event.target as HTMLInputElement).value) }),
);
exports("savePng", () => void savePng());
exports("saveCsv", saveCsv);
exports("saveAllCsv", () => host.post({ type: "saveAllCsv" }));
element<HTMLDetailsElement>("other").addEventListener("toggle", () => {
  const isOtherOpen = element<HTMLDetailsElement>("other").open;
  if (isOtherOpen !== model.state.isOtherOpen) update({ isOtherOpen });
});
element<HTMLDetailsElement>("settings").addEventListener("toggle", () => {
  const areSettingsOpen = element<HTMLDetailsElement>("settings").open;
  if (areSettingsOpen !== model.state.areSettingsOpen)
    update({ areSettingsOpen });
});
let scrollTimer: ReturnType<typeof setTimeout> | undefined;
window.addEventListener("scroll", () => {
  clearTimeout(scrollTimer);
  scrollTimer = setTimeout(() => {
    model.state = { ...model.state, scroll: window.scrollY };
    host.state = model.state;
  }, 200);
});
/** Where the page was; once the charts of this time stand, it goes there again. */
let scrollWanted = model.state.scroll;
cards.onDrawn = () => {
  if (scrollWanted > 0) window.scrollTo({ top: scrollWanted });
  scrollWanted = 0;
};
host.post({ type: "ready" });
if (model.state.range !== null)
  host.post({ type: "range", range: model.state.range });
