/**
 * The one file that knows which control library the panels use. @vscode/webview-ui-toolkit is archived upstream; to
 * change to its successor, @vscode-elements/elements, change this file and the tags in core/panels.
 */
import {
  type Checkbox,
  type Dropdown,
  type Panels,
  provideVSCodeDesignSystem,
  type RadioGroup,
  type TextField,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodePanels,
  vsCodePanelTab,
  vsCodePanelView,
  vsCodeRadio,
  vsCodeRadioGroup,
  vsCodeTextField,
} from "@vscode/webview-ui-toolkit";

/** Defines the custom elements that the pages use. Once per page, before anything else. */
export function defineControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodePanels(),
    vsCodePanelTab(),
    vsCodePanelView(),
    vsCodeRadio(),
    vsCodeRadioGroup(),
    vsCodeTextField(),
  );
}

/** Selects a tab of a `vscode-panels` element by the tab's id. */
export function selectTab(panels: HTMLElement, tabId: string): void {
  (panels as Panels).activeid = tabId;
}

/** Calls back with the id of the tab that becomes active. */
export function onTabChange(
  panels: HTMLElement,
  callback: (tabId: string) => void,
): void {
  panels.addEventListener("change", () => {
    // The attribute of this name follows only later.
    callback((panels as Panels).activeid);
  });
}

/** A control that holds one value. */
export interface ValueControl<Value> {
  readonly element: HTMLElement;
  get(): Value;
  /** Changes it without a call of `onChange`. */
  set(value: Value): void;
  /** Calls back with each change that a person makes. */
  onChange(callback: () => void): void;
}

/** @param existing one that stands in the page already */
export function textField(
  value: string,
  existing?: HTMLElement,
): ValueControl<string> {
  const element = (existing ??
    document.createElement("vscode-text-field")) as TextField;
  element.value = value;
  return {
    element,
    get: () => element.value,
    set: (next) => {
      if (element.value !== next) element.value = next;
    },
    onChange: (callback) => element.addEventListener("input", callback),
  };
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function dropdown(
  choices: readonly Choice[],
  value: string,
): ValueControl<string> {
  const element = document.createElement("vscode-dropdown") as Dropdown;
  let current = value;
  const options = choices.map((choice) => {
    const option = document.createElement("vscode-option");
    option.setAttribute("value", choice.value);
    // It looks for its first value among the options' attributes.
    if (choice.value === value) option.setAttribute("selected", "");
    option.textContent = choice.label;
    return option;
  });
  element.append(...options);
  element.addEventListener("change", () => (current = element.value));
  return {
    element,
    get: () => current,
    set: (next) => {
      if (next === current) return;
      current = next;
      element.value = next;
    },
    onChange: (callback) => element.addEventListener("change", callback),
  };
}

/** @param existing one that stands in the page already */
export function checkbox(
  label: string,
  value: boolean,
  existing?: HTMLElement,
): ValueControl<boolean> {
  const element = (existing ??
    document.createElement("vscode-checkbox")) as Checkbox;
  element.textContent = label;
  element.checked = value;
  let silent = false;
  return {
    element,
    get: () => element.checked,
    set: (next) => {
      silent = true;
      element.checked = next;
      silent = false;
    },
    // It also tells of what the script sets.
    onChange: (callback) =>
      element.addEventListener("change", () => {
        if (!silent) callback();
      }),
  };
}

/** Radio buttons, whose labels may change. */
export interface RadioControl extends ValueControl<string> {
  label(value: string, text: string): void;
}

export function radioGroup(
  choices: readonly Choice[],
  value: string,
): RadioControl {
  const element = document.createElement("vscode-radio-group") as RadioGroup;
  element.setAttribute("orientation", "vertical");
  let current = value;
  const radios = new Map<string, HTMLElement>();
  for (const choice of choices) {
    const radio = document.createElement("vscode-radio");
    radio.setAttribute("value", choice.value);
    radio.textContent = choice.label;
    radios.set(choice.value, radio);
    element.append(radio);
  }
  element.value = value;
  const listeners: (() => void)[] = [];
  element.addEventListener("change", () => {
    // It also tells of what the script sets.
    if (element.value === current) return;
    current = element.value;
    for (const listener of listeners) listener();
  });
  return {
    element,
    get: () => current,
    set: (next) => {
      current = next;
      element.value = next;
    },
    onChange: (callback) => listeners.push(callback),
    label: (name, text) => {
      const radio = radios.get(name);
      if (radio && radio.textContent !== text) radio.textContent = text;
    },
  };
}

export function button(
  label: string,
  appearance: "primary" | "secondary",
  onClick: () => void,
): HTMLElement {
  const element = document.createElement("vscode-button");
  element.setAttribute("appearance", appearance);
  element.textContent = label;
  element.addEventListener("click", onClick);
  return element;
}

export function setDisabled(element: HTMLElement, isDisabled: boolean): void {
  (element as HTMLElement & { disabled: boolean }).disabled = isDisabled;
}

/**
 * Name and description of a control for assistive technology. Call it when the control is in the document: text fields
 * name themselves anew when they come into it, and keep the element that has the focus in their shadow.
 */
export function describe(
  element: HTMLElement,
  name: string,
  description: string,
  isInvalid: boolean,
): void {
  const focused =
    element.shadowRoot?.querySelector<HTMLElement>("input") ?? element;
  for (const one of new Set([element, focused])) {
    one.setAttribute("aria-label", name);
    one.setAttribute("aria-invalid", String(isInvalid));
  }
  focused.setAttribute("aria-description", description);
}
