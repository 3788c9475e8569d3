/** The control of one setting, by its kind in the schema. */
import { asText, type FormValue, type SetRow } from "../../core/run/runForm";
import type { SettingField } from "../../core/run/settingFields";
import {
  button,
  checkbox,
  dropdown,
  radioGroup,
  textField,
  type ValueControl,
} from "../toolkit";
import { SetRows } from "./setRows";

/** What a control asks of the host. */
export interface ControlActions {
  browse(field: string, folder: boolean, row?: number): void;
}

export interface FieldControl extends ValueControl<FormValue> {
  /** The elements that have a name and can have the focus, the first one first. */
  readonly inputs: readonly HTMLElement[];
  /** Changes how a choice reads; only of radio buttons. */
  label?(choice: string, text: string): void;
}

/** Of models, TRL and Ray also take a folder. */
const ALSO_FOLDER = "model";

/** @param label for controls that carry their own */
export function fieldControl(
  field: SettingField,
  label: string,
  value: FormValue,
  actions: ControlActions,
): FieldControl {
  switch (field.kind) {
    case "choice": {
      const text = asText(value);
      // A value that a run file has by mistake is shown, so that it can be changed.
      const choices = [...new Set([...field.choices, text])].map((choice) => ({
        value: choice,
        label: choice,
      }));
      if (field.name !== "engine") return single(dropdown(choices, text));
      const radios = radioGroup(choices, text);
      return {
        ...single(radios),
        label: (choice, shown) => radios.label(choice, shown),
      };
    }
    case "flag":
      return single(checkbox(label, value === true));
    case "choices":
      return someOf(field, value as readonly string[]);
    case "sets":
      return new SetRows(value as readonly SetRow[], {
        browse: (row) => actions.browse(field.name, false, row),
      });
    case "path":
      return pathField(field, asText(value), actions);
    default: {
      const control = textField(asText(value));
      if (field.default !== undefined)
        control.element.setAttribute("placeholder", textOf(field.default));
      return single(control);
    }
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function single<T extends FormValue>(control: ValueControl<T>): FieldControl {
  return {
    element: control.element,
    inputs: [control.element],
    get: () => control.get(),
    set: (value) => control.set(value as T),
    onChange: (callback) => control.onChange(callback),
  };
}

function pathField(
  field: SettingField,
  value: string,
  actions: ControlActions,
): FieldControl {
  const control = textField(value);
  const element = document.createElement("div");
  element.className = "path";
  const browse = button("Browse...", "secondary", () =>
    actions.browse(field.name, false),
  );
  element.append(control.element, browse);
  if (field.name === ALSO_FOLDER) {
    const folder = button("Folder...", "secondary", () =>
      actions.browse(field.name, true),
    );
    folder.classList.add("folder");
    element.append(folder);
  }
  return { ...single(control), element };
}

/** Checkboxes, in the schema's order. */
function someOf(field: SettingField, value: readonly string[]): FieldControl {
  const boxes = field.choices.map((choice) =>
    checkbox(choice, value.includes(choice)),
  );
  const element = document.createElement("div");
  element.className = "some-of";
  element.setAttribute("role", "group");
  element.append(...boxes.map((box) => box.element));
  return {
    element,
    inputs: [element],
    get: () => field.choices.filter((_, i) => boxes[i]!.get()),
    set: (next) => {
      field.choices.forEach((choice, i) =>
        boxes[i]!.set((next as readonly string[]).includes(choice)),
      );
    },
    onChange: (callback) => {
      for (const box of boxes) box.onChange(callback);
    },
  };
}
