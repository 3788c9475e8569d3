/** The page of the launch panel: its security policy and its skeleton. The script makes the form from the schema. */

export interface LaunchPage {
  /** Fresh for each page; the one script that may run carries it. */
  readonly nonce: string;
  /** `webview.asWebviewUri` of dist/webview/launch.js. */
  readonly scriptUri: string;
  /** `webview.asWebviewUri` of dist/webview/launch.css. */
  readonly styleUri: string;
  /** `webview.cspSource` */
  readonly cspSource: string;
}

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

export function launchHtml(page: LaunchPage): string {
  const id = LAUNCH_IDS;
  // The control library looks for the nonce in a meta element of that name.
  const policy = [
    "default-src 'none'",
    `style-src ${page.cspSource} 'nonce-${page.nonce}'`,
    `script-src 'nonce-${page.nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
<meta property="csp-nonce" content="${attribute(page.nonce)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>New Training Run</title>
<link rel="stylesheet" href="${attribute(page.styleUri)}">
</head>
<body>
<main id="${id.form}" aria-label="Settings of the run"></main>
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
</aside>
<script nonce="${attribute(page.nonce)}" src="${attribute(page.scriptUri)}"></script>
</body>
</html>`;
}

function attribute(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}
