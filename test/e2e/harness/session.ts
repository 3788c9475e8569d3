/** One workbench server, one browser, one page: what a suite needs, made at its start and gone at its end. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { afterEach } from "vitest";
import { findChromium } from "../../../scripts/setup.mjs";
import { root } from "../../../scripts/steps.mjs";
import {
  startServer,
  workbenchObstacle,
  type WorkbenchServer,
} from "../../../scripts/workbench.mjs";
import { Workbench } from "./workbench";

/** Everything in the workbench may take this long on a busy machine of two cores. */
export const PATIENCE_MS = 120_000;

/** Headless and quiet: no GPU, no sandbox (tests may run as root), nothing in the background. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Looks, 0.1 s apart, until settings are written again. */
const LOOKS_PER_WRITE = 50;

export interface SessionOptions {
  /** Absolute path of the folder to open. */
  readonly workspace: string;
  /** User settings beside the quiet ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Absolute path of an extension's source folder; the repository's root where absent, none where null. */
  readonly extension?: string | null;
  /** Files to open at the start, absolute. */
  readonly open?: readonly string[];
  /** Width and height of the page in CSS pixels. */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Called with the server's folder before it starts, for example to install an extension there. */
  readonly prepare?: (dataFolder: string) => void;
}

/** Why no end-to-end test can run here; undefined where they can. `npm test` says it once for all suites. */
export function obstacle(): string | undefined {
  return (
    process.env["FORKSIGHT_E2E_OBSTACLE"] ??
    workbenchObstacle() ??
    (findChromium() === undefined ? "no Chromium on the PATH" : undefined)
  );
}

/** A folder for one suite's files, removed by `Session.close` where it was given to it. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `forksight-${name}-`));
}

/** Where screenshots go. */
export const RESULTS_FOLDER = join(root, "test-results");

export class Session {
  private constructor(
    readonly workbench: Workbench,
    readonly server: WorkbenchServer,
    private readonly browser: Browser,
    private readonly dataFolder: string,
  ) {}

  /** Starts server and browser, opens the workspace, and returns once the workbench shows. */
  static async open(options: SessionOptions): Promise<Session> {
    const dataFolder = temporaryFolder("server");
    let server: WorkbenchServer | undefined;
    let browser: Browser | undefined;
    try {
      options.prepare?.(dataFolder);
      writeMachineSettings(dataFolder, { ...options.settings });
      server = await startServer({
        dataFolder,
        driver: true,
        settings: { ...options.settings },
      });
      browser = await launchChromium();
      const context = await browser.newContext({
        viewport: options.viewport ?? { width: 1400, height: 1000 },
      });
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      const extension =
        options.extension === null ? undefined : (options.extension ?? root);
      const url = server.url(options.workspace, {
        ...(extension === undefined ? {} : { extension }),
        open: options.open ?? [],
      });
      await page.goto(url, { waitUntil: "commit" });
      const workbench = new Workbench(page);
      await workbench.shown();
      return new Session(workbench, server, browser, dataFolder);
    } catch (error) {
      await browser?.close();
      await server?.stop();
      rmSync(dataFolder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Changes user settings while the workbench runs; undefined removes one. */
  changeSettings(changes: Readonly<Record<string, unknown>>): void {
    const path = join(this.dataFolder, "data", "User", "settings.json");
    const settings = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(
      path,
      JSON.stringify({ ...settings, ...changes }, undefined, 2),
    );
    writeMachineSettings(this.dataFolder, changes);
  }

  /**
   * Changes user settings, and writes them again until the workbench has taken them: on a busy machine its file watcher
   * misses some changes.
   */
  async changeSettingsUntil(
    changes: Readonly<Record<string, unknown>>,
    taken: () => Promise<boolean>,
    describe: () => string,
  ): Promise<void> {
    let looks = 0;
    await this.workbench.until(async () => {
      if (looks % LOOKS_PER_WRITE === 0) this.changeSettings(changes);
      looks += 1;
      return taken();
    }, describe);
  }

  /** Ends browser and server, and removes the server's folder. */
  async close(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
    rmSync(this.dataFolder, { recursive: true, force: true });
  }
}

/**
 * Settings of the scope "machine" (models, folders, the GPU) are read from the machine that the server runs on, never
 * from the user's own file, which belongs to the browser's side.
 */
function writeMachineSettings(
  dataFolder: string,
  changes: Readonly<Record<string, unknown>>,
): void {
  const path = join(dataFolder, "data", "Machine", "settings.json");
  const before = existsSync(path)
    ? (JSON.parse(readFileSync(path, "utf8")) as object)
    : {};
  const own = Object.entries(changes).filter(([name]) =>
    name.startsWith("forksight."),
  );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    JSON.stringify({ ...before, ...Object.fromEntries(own) }, undefined, 2),
  );
}

/** Saves a picture of the page whenever a test of the suite fails; called once in the suite. */
export function picturesOfFailures(current: () => Session | undefined): void {
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    const name = task.name.replaceAll(/[^A-Za-z0-9]+/gu, "-").slice(0, 60);
    await current()?.workbench.screenshot(`test-results/failed-${name}.png`);
  });
}

async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium on the PATH");
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  return chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
}
