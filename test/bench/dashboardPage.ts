/** The dashboard's real page in Chromium, with a host of Node.js behind a socket where VS Code would stand. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { type WebSocket, WebSocketServer } from "ws";
import { dashboardHtml } from "../../core/panels/dashboardHtml";
import {
  type FromDashboard,
  readFromDashboard,
  type ToDashboard,
} from "../../core/panels/dashboardProtocol";
import { findChromium } from "../../scripts/setup.mjs";

/** Stands for VS Code's half of the page: messages are JSON, with the buffers behind it as they cross there. */
const STAND_IN = `
const socket = new WebSocket("ws://" + location.host);
socket.binaryType = "arraybuffer";
const waiting = [];
socket.onopen = () => { for (const one of waiting.splice(0)) socket.send(one); };
socket.onmessage = ({ data }) => {
  const length = new DataView(data).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(data, 4, length));
  let at = 4 + length;
  const message = JSON.parse(text, (key, value) => {
    if (value === null || typeof value !== "object" || !("$bytes" in value)) return value;
    const bytes = data.slice(at, at + value.$bytes);
    at += value.$bytes;
    return bytes;
  });
  window.postMessage(message, "*");
};
window.acquireVsCodeApi = () => ({
  postMessage(message) {
    const text = JSON.stringify(message);
    if (socket.readyState === 1) socket.send(text); else waiting.push(text);
  },
  getState: () => JSON.parse(sessionStorage.getItem("state") ?? "null") ?? undefined,
  setState: (state) => sessionStorage.setItem("state", JSON.stringify(state)),
});
`;

export interface PageHost {
  readonly page: Page;
  post(message: ToDashboard): void;
  close(): Promise<void>;
}

/**
 * Opens the page in a browser.
 * @param root the repository's folder, with dist/webview built
 * @param receive called with what the page posts
 * @param theme style sheet with the theme's variables
 * @throws Error where there is no Chromium
 */
export async function openPage(
  root: string,
  receive: (message: FromDashboard) => void,
  { theme = "", width = 1400, height = 1000 } = {},
): Promise<PageHost> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium on the PATH");
  const file = (name: string) =>
    readFileSync(join(root, "dist", "webview", name));
  const script = Buffer.concat([Buffer.from(STAND_IN), file("dashboard.js")]);
  const server = createServer((request, response) => {
    const url = request.url ?? "";
    if (url.endsWith(".js")) {
      response.setHeader("content-type", "text/javascript");
      response.end(script);
    } else if (url.endsWith(".css")) {
      response.setHeader("content-type", "text/css");
      response.end(`${theme}\n${file("dashboard.css").toString()}`);
    } else {
      response.setHeader("content-type", "text/html");
      const html = dashboardHtml({
        nonce: "n",
        scriptUri: "/dashboard.js",
        styleUri: "/dashboard.css",
        cspSource: "'self'",
      });
      // The page itself may not connect to anything; the stand-in must.
      response.end(
        html.replace("default-src 'none'", "default-src 'none'; connect-src *"),
      );
    }
  });
  const sockets = new WebSocketServer({ server });
  let socket: WebSocket | undefined;
  sockets.on("connection", (one) => {
    socket = one;
    one.on("message", (data: Buffer) => {
      const message = readFromDashboard(JSON.parse(data.toString("utf8")));
      if (message !== undefined) receive(message);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const page = await browser.newPage({ viewport: { width, height } });
  await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: "commit" });
  return {
    page,
    post: (message) => socket?.send(encoded(message)),
    async close() {
      await browser.close();
      sockets.close();
      server.close();
    },
  };
}

function encoded(message: ToDashboard): Buffer {
  const buffers: Buffer[] = [];
  const text = JSON.stringify(message, (_, value: unknown) => {
    if (!(value instanceof ArrayBuffer)) return value;
    buffers.push(Buffer.from(value));
    return { $bytes: value.byteLength };
  });
  const json = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, ...buffers]);
}
