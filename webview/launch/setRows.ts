import type { FormValue, SetRow } from "../../core/run/runForm";
import { button, describe, textField, type ValueControl } from "../toolkit";
import type { FieldControl } from "./fieldControl";

interface Row {
  readonly element: HTMLElement;
  readonly name: ValueControl<string>;
  readonly path: ValueControl<string>;
}

/** Held-out sets: a name and a file each, any number of them. */
export class SetRows implements FieldControl {
  readonly element = document.createElement("div");
  private readonly list = document.createElement("div");
  private readonly add: HTMLElement;
  private readonly listeners: (() => void)[] = [];
  private rows: Row[] = [];

  constructor(
    value: readonly SetRow[],
    private readonly actions: { readonly browse: (row: number) => void },
  ) {
    this.element.className = "sets";
    this.element.setAttribute("role", "group");
    this.add = button("Add Set", "secondary", () => {
      this.append({ name: "", path: "" });
      this.changed();
      this.rows.at(-1)?.name.element.focus();
    });
    this.element.append(this.list, this.add);
    for (const row of value) this.append(row);
  }

  get inputs(): readonly HTMLElement[] {
    return [this.rows[0]?.name.element ?? this.add];
  }

  get(): readonly SetRow[] {
    return this.rows.map(({ name, path }) => ({
      name: name.get(),
      path: path.get(),
    }));
  }

  set(value: FormValue): void {
    const rows = value as readonly SetRow[];
    while (this.rows.length > rows.length) this.rows.pop()!.element.remove();
    rows.forEach((row, i) => {
      const known = this.rows[i];
      if (known === undefined) this.append(row);
      else {
        known.name.set(row.name);
        known.path.set(row.path);
      }
    });
  }

  onChange(callback: () => void): void {
    this.listeners.push(callback);
  }

  /** Puts a chosen file into a row; its name becomes the set's where it has none. */
  pick(row: number, path: string): void {
    const known = this.rows[row];
    if (known === undefined) return;
    known.path.set(path);
    if (known.name.get() === "") known.name.set(nameOf(path));
    this.changed();
  }

  /** Names every row's controls: to be called when they are in the document. */
  describeRows(): void {
    this.rows.forEach(({ name, path }, i) => {
      describe(name.element, `Name of evaluation set ${i + 1}`, "", false);
      describe(path.element, `File of evaluation set ${i + 1}`, "", false);
    });
  }

  private append(value: SetRow): void {
    const element = document.createElement("div");
    element.className = "set-row";
    const row: Row = {
      element,
      name: textField(value.name),
      path: textField(value.path),
    };
    row.name.element.setAttribute("placeholder", "name");
    row.path.element.setAttribute("placeholder", "file");
    const at = () => this.rows.indexOf(row);
    const remove = button("Remove", "secondary", () => {
      const index = at();
      this.rows.splice(index, 1);
      element.remove();
      this.changed();
      (this.rows[index]?.name.element ?? this.add).focus();
    });
    element.append(
      row.name.element,
      row.path.element,
      button("Browse...", "secondary", () => this.actions.browse(at())),
      remove,
    );
    row.name.onChange(() => this.changed());
    row.path.onChange(() => this.changed());
    this.rows.push(row);
    this.list.append(element);
  }

  private changed(): void {
    this.describeRows();
    for (const listener of this.listeners) listener();
  }
}

/** `countdown-test.jsonl` reads "countdown-test"; only what a set's name may hold. */
function nameOf(path: string): string {
  const file = path.split(/[\\/]/).at(-1) ?? "";
  return file
    .replace(/\.jsonl?$/i, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);
}
