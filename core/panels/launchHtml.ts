/** The page of the launch panel as a skeleton. The script makes the form from the schema. */
import { page, type PageParts } from "./page";

/** Ids of the elements that the script looks up. */
export const LAUNCH_IDS = {
  form: "form",
  help: "help",
  helpTitle: "help-title",
  helpText: "help-text",
  file: "file",
  trust: "trust",
  manageTrust: "manage-trust",
  problems: "problems",
  estimate: "estimate",
  launch: "launch",
  save: "save",
  saveAs: "save-as",
} as const;

export function launchHtml(parts: PageParts): string {
  const id = LAUNCH_IDS;
  return page(
    parts,
    "New Training Run",
    `<main id="${id.form}" aria-label="Settings of the run"></main>
<aside>
<p><button type="button" class="link" id="${id.file}" disabled>Not saved yet</button></p>
<div id="${id.trust}" hidden>
<p>This workspace is not trusted, and a training run starts programs that it names. You can set it up and save it.</p>
<vscode-button id="${id.manageTrust}" appearance="secondary">Manage Workspace Trust</vscode-button>
</div>
<div class="actions">
<vscode-button id="${id.launch}">Launch</vscode-button>
<vscode-button id="${id.save}" appearance="secondary">Save</vscode-button>
<vscode-button id="${id.saveAs}" appearance="secondary">Save As...</vscode-button>
</div>
<section id="${id.problems}" aria-live="polite"></section>
<section id="${id.estimate}" aria-label="Estimate"></section>
<section id="${id.help}" aria-label="About the setting">
<h2 id="${id.helpTitle}">About the settings</h2>
<p id="${id.helpText}">Point at a setting, or go to it with the Tab key, to read what it does.</p>
</section>
</aside>`,
  );
}
