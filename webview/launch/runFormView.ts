/** The form: sections of fields, made from the schema. */
import {
  FORM_LABELS,
  FORM_SECTIONS,
  type FormSection,
} from "../../core/panels/launchLayout";
import type {
  FormProblem,
  FormValue,
  FormValues,
} from "../../core/run/runForm";
import {
  fieldNamed,
  labelOf,
  type SettingField,
} from "../../core/run/settingFields";
import { describe } from "../toolkit";
import {
  type ControlActions,
  type FieldControl,
  fieldControl,
} from "./fieldControl";
import { SetRows } from "./setRows";

export interface FormEvents extends ControlActions {
  /** A person changed something. */
  changed(): void;
  /** A field is pointed at or has the focus. */
  attended(field: SettingField, label: string): void;
  /** A section was folded or unfolded. */
  folded(): void;
}

interface FieldRow {
  readonly field: SettingField;
  readonly label: string;
  readonly element: HTMLElement;
  readonly control: FieldControl;
  readonly problem: HTMLElement;
  /** Behind the control: a preview, an engine's state. */
  readonly extra: HTMLElement;
}

export class RunFormView {
  private readonly rows = new Map<string, FieldRow>();
  private readonly sections = new Map<FormSection, HTMLDetailsElement>();

  constructor(
    root: HTMLElement,
    values: FormValues,
    unfolded: readonly string[],
    private readonly events: FormEvents,
  ) {
    root.replaceChildren(
      ...FORM_SECTIONS.map((section) =>
        this.section(section, values, unfolded),
      ),
    );
    for (const row of this.rows.values()) this.describeRow(row, "");
    this.showRelevant();
  }

  get values(): FormValues {
    return Object.fromEntries(
      [...this.rows].map(([name, { control }]) => [name, control.get()]),
    );
  }

  /** Ids of the sections that are open. */
  get unfolded(): string[] {
    return [...this.sections]
      .filter(([, element]) => element.open)
      .map(([{ id }]) => id);
  }

  set(field: string, value: FormValue): void {
    this.rows.get(field)?.control.set(value);
  }

  /** Puts a chosen file where it was asked for. */
  pick(field: string, path: string, row: number | undefined): void {
    const control = this.rows.get(field)?.control;
    if (control instanceof SetRows && row !== undefined)
      control.pick(row, path);
    else control?.set(path);
  }

  /** Changes how a choice of a field reads. */
  labelChoice(field: string, choice: string, text: string): void {
    this.rows.get(field)?.control.label?.(choice, text);
  }

  /** The place behind a field's control. */
  extraOf(field: string): HTMLElement | undefined {
    return this.rows.get(field)?.extra;
  }

  labelOf(field: string): string {
    return this.rows.get(field)?.label ?? field;
  }

  /** Writes each problem beside its field. */
  showProblems(problems: readonly FormProblem[]): void {
    this.showRelevant();
    for (const row of this.rows.values()) {
      const message = problems
        .filter(({ field }) => field === row.field.name)
        .map((one) => one.message)
        .join("; ");
      if (row.problem.textContent === message) continue;
      row.problem.textContent = message;
      row.element.classList.toggle("invalid", message !== "");
      this.describeRow(row, message);
    }
  }

  /** Brings a field to the eye and gives it the focus. */
  focus(field: string): void {
    const row = this.rows.get(field);
    const section = row?.element.closest("details");
    if (row === undefined || !section) return;
    section.open = true;
    section.hidden = false;
    row.element.scrollIntoView({ block: "center" });
    row.control.inputs[0]?.focus();
  }

  private section(
    section: FormSection,
    values: FormValues,
    unfolded: readonly string[],
  ): HTMLElement {
    const element = document.createElement("details");
    element.id = `section-${section.id}`;
    element.open = unfolded.includes(section.id);
    const summary = document.createElement("summary");
    summary.textContent = section.title;
    const fields = document.createElement("div");
    fields.className = "fields";
    for (const name of section.fields) {
      const field = fieldNamed(name);
      if (field !== undefined)
        fields.append(this.row(field, values[name] ?? "").element);
    }
    element.append(summary, fields);
    element.addEventListener("toggle", () => this.events.folded());
    this.sections.set(section, element);
    return element;
  }

  private row(field: SettingField, value: FormValue): FieldRow {
    const label = FORM_LABELS[field.name] ?? labelOf(field.name);
    const element = document.createElement("div");
    element.className = `field ${field.kind}`;
    element.dataset.field = field.name;
    const title = document.createElement("div");
    title.className = "label";
    title.textContent = label;
    const control = fieldControl(field, label, value, this.events);
    const problem = document.createElement("p");
    problem.className = "problem";
    const extra = document.createElement("div");
    extra.className = "extra";
    // A checkbox carries its label itself.
    if (field.kind !== "flag") element.append(title);
    element.append(control.element, problem, extra);
    title.addEventListener("click", () => control.inputs[0]?.focus());
    control.onChange(() => this.events.changed());
    const attend = () => this.events.attended(field, label);
    element.addEventListener("mouseenter", attend);
    element.addEventListener("focusin", attend);
    const row = { field, label, element, control, problem, extra };
    this.rows.set(field.name, row);
    return row;
  }

  private describeRow(row: FieldRow, problem: string): void {
    const { control, label, field } = row;
    const description = [problem, field.description, field.limits]
      .filter((text) => text !== "")
      .join(" ");
    for (const input of control.inputs)
      describe(input, label, description, problem !== "");
    if (control instanceof SetRows) {
      describe(control.element, label, description, problem !== "");
      control.describeRows();
    }
  }

  /** Hides what has no meaning with the other values: another engine's settings, a file for a reward that comes along. */
  private showRelevant(): void {
    const engine = this.rows.get("engine")?.control.get();
    const reward = this.rows.get("reward.kind")?.control.get();
    const isOwn = reward === "javascript" || reward === "python";
    this.show("reward.file", isOwn);
    this.show("reward.python", reward === "python");
    this.show("reward.timeoutSeconds", isOwn);
    this.show("mask.rho", this.rows.get("mask.kind")?.control.get() !== "all");
    const model = this.rows.get("model")?.element;
    model?.classList.toggle("may-be-folder", engine !== "embedded");
    for (const [{ engines, fields }, element] of this.sections) {
      const isOther = engines && !engines.some((one) => one === engine);
      const isEmpty = fields.every(
        (name) => this.rows.get(name)?.element.hidden,
      );
      element.hidden = isOther === true || isEmpty;
    }
  }

  private show(field: string, isShown: boolean): void {
    const row = this.rows.get(field);
    // What is wrong stays to be seen.
    if (row) row.element.hidden = !isShown && row.problem.textContent === "";
  }
}
