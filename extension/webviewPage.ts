import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { PageParts } from "../core/panels/page";

/**
 * Shows a page of ours in a web view: scripts may run, and come from dist/webview alone.
 * @param name of the page's script and style sheet there, `launch` for launch.js and launch.css
 * @param html writes the page
 */
export function showPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  name: string,
  html: (parts: PageParts) => string,
): void {
  const root = vscode.Uri.joinPath(extensionUri, "dist", "webview");
  webview.options = { enableScripts: true, localResourceRoots: [root] };
  const uriOf = (file: string) =>
    webview.asWebviewUri(vscode.Uri.joinPath(root, file)).toString();
  webview.html = html({
    nonce: randomBytes(16).toString("base64url"),
    scriptUri: uriOf(`${name}.js`),
    styleUri: uriOf(`${name}.css`),
    cspSource: webview.cspSource,
  });
}
