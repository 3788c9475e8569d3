/**
 * The one file that knows which control library the panels use. @vscode/webview-ui-toolkit is archived upstream; to
 * change to its successor, @vscode-elements/elements, change this file and the tags in core/panels.
 */
import {
  type Panels,
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodePanels,
  vsCodePanelTab,
  vsCodePanelView,
} from "@vscode/webview-ui-toolkit";

/** Defines the custom elements that the pages use. Once per page, before anything else. */
export function defineControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodePanels(),
    vsCodePanelTab(),
    vsCodePanelView(),
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
