// Turns the installed npm packages into a VS Code server that runs: no compiler, no network. Idempotent.
//
// Why not code-server's own postinstall: it compiles five native modules and runs a second `npm install`. What this
// project needs of it is a symlink and two small stand-ins.
import {
  existsSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const vscode = join(modules, "code-server", "lib", "vscode");

/** Built-in extensions that inspecting a trace never uses. Language basics (JSON, Markdown, ...) and themes stay. */
const UNUSED_EXTENSIONS = [
  "copilot",
  "css-language-features",
  "debug-auto-launch",
  "debug-server-ready",
  "dotenv",
  "emmet",
  "extension-editing",
  "git",
  "git-base",
  "github",
  "github-authentication",
  "grunt",
  "gulp",
  "html-language-features",
  "ipynb",
  "jake",
  "json-language-features",
  "merge-conflict",
  "mermaid-markdown-features",
  "microsoft-authentication",
  "ms-vscode.js-debug",
  "ms-vscode.js-debug-companion",
  "ms-vscode.vscode-js-profile-table",
  "notebook-renderers",
  "npm",
  "php-language-features",
  "simple-browser",
  "terminal-suggest",
  "tunnel-forwarding",
  "typescript-language-features",
];

/** Stands in for @vscode/spdlog (a C++ logger): the same interface, written with Node's own file functions. */
const SPDLOG = `"use strict";
const fs = require("fs");
const path = require("path");
const NAMES = ["trace", "debug", "info", "warning", "error", "critical"];

class Logger {
  constructor(name, file) {
    this.name = name;
    this.level = 2;
    this.raw = false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    this.descriptor = fs.openSync(file, "a");
  }
  write(level, message) {
    if (this.descriptor === undefined || level < this.level) return;
    const stamp = new Date().toISOString().replace("T", " ").slice(0, 23);
    const line = this.raw ? String(message) : stamp + " [" + NAMES[level] + "] " + message + "\\n";
    try {
      fs.writeSync(this.descriptor, line);
    } catch {
      // A full disk must not end the server: the line is lost, as with the C++ logger.
    }
  }
  trace(message) { this.write(0, message); }
  debug(message) { this.write(1, message); }
  info(message) { this.write(2, message); }
  warn(message) { this.write(3, message); }
  error(message) { this.write(4, message); }
  critical(message) { this.write(5, message); }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() {}
  clearFormatters() { this.raw = true; }
  flush() {}
  drop() {
    if (this.descriptor === undefined) return;
    fs.closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = async (name, file) => new Logger(name, file);
exports.createAsyncRotatingLogger = async (name, file) => new Logger(name, file);
`;

/** Stands in for @vscode/native-watchdog: the extension host ends when the server that started it is gone. */
const WATCHDOG = `"use strict";
exports.start = (parent) => {
  const timer = setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch {
      process.exit(87);
    }
  }, 2000);
  timer.unref();
};
exports.exit = (code) => process.exit(code || 0);
`;

function keepOnly(folder, wanted) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name !== wanted) rmSync(join(folder, name), { recursive: true });
  }
}

if (!existsSync(vscode)) {
  console.error(
    `The workbench is not installed (${relative(process.cwd(), vscode)} is missing): run "npm ci --ignore-scripts" in workbench/ first.`,
  );
  process.exit(1);
}

// The browser's part of VS Code is served from lib/vscode/node_modules: give it this package's own.
const link = join(vscode, "node_modules");
rmSync(link, { recursive: true, force: true });
symlinkSync(relative(vscode, modules), link, "dir");

writeFileSync(join(modules, "@vscode", "spdlog", "index.js"), SPDLOG);
writeFileSync(
  join(modules, "@vscode", "native-watchdog", "index.js"),
  WATCHDOG,
);

for (const name of UNUSED_EXTENSIONS) {
  rmSync(join(vscode, "extensions", name), { recursive: true, force: true });
}
const platform = `${process.platform}-${process.arch}`;
keepOnly(join(modules, "@vscode", "ripgrep-universal", "bin"), platform);
keepOnly(join(modules, "node-pty", "prebuilds"), platform);
for (const arch of ["x64", "arm64"]) {
  rmSync(join(modules, `node-linux-${arch}`, "include"), {
    recursive: true,
    force: true,
  });
}
