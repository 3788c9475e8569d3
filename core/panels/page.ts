/** The frame of a panel's page, with its security policy: one script may run, nothing is fetched from elsewhere. */

export interface PageParts {
  /** Fresh for each page; the one script that may run carries it. */
  readonly nonce: string;
  /** `webview.asWebviewUri` of the panel's script in dist/webview. */
  readonly scriptUri: string;
  /** `webview.asWebviewUri` of its style sheet. */
  readonly styleUri: string;
  /** `webview.cspSource` */
  readonly cspSource: string;
}

/** @param body HTML of our own making: text from elsewhere comes in by messages */
export function page(parts: PageParts, title: string, body: string): string {
  // The control library looks for the nonce in a meta element of that name, for a style element by which it tries
  // what the browser can do.
  const policy = [
    "default-src 'none'",
    `style-src ${parts.cspSource} 'nonce-${parts.nonce}'`,
    `script-src 'nonce-${parts.nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
<meta property="csp-nonce" content="${attribute(parts.nonce)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="${attribute(parts.styleUri)}">
</head>
<body>
${body}
<script nonce="${attribute(parts.nonce)}" src="${attribute(parts.scriptUri)}"></script>
</body>
</html>`;
}

function attribute(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}
