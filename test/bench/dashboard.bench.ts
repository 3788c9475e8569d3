/** What it costs to open the dashboard on many long runs, and to draw one more step: files, host and the real page. */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DashboardSession } from "../../extension/dashboard/dashboardSession";
import { readRun } from "../../extension/runs/readRun";
import type { Run } from "../../extension/runs/run";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { openPage, type PageHost } from "./dashboardPage";
import { type Bench, type BenchRow, median } from "./measure";
import { seeded } from "../unit/seeded";
import { syntheticLine, syntheticMetrics, writeRun } from "./syntheticRuns";

/** The repository: the bundle of this file lies in dist/bench. */
const root = fileURLToPath(new URL("../..", import.meta.url));

const RUNS = 100;
const STEPS = 10_000;
/** Texts that differ; the other runs are copies of them. */
const DISTINCT = 4;
/** Steps that are appended, one after the other. */
const APPENDED = 30;
/** Milliseconds after which a new point has long been drawn. */
const SETTLED = 250;
/** milliseconds */
const OPENING_GOAL = 1000;
const POINT_GOAL = 5;
/** What the extension host may do at a stretch, in milliseconds. */
const STRETCH_GOAL = 50;

const bench: Bench = {
  name: `the dashboard on ${RUNS} runs of ${STEPS} steps`,
  async run(say) {
    // The page is measured as it is, not as it was built last.
    const built = spawnSync(
      process.execPath,
      [join(root, "esbuild.config.mjs")],
      { cwd: root, stdio: "ignore" },
    );
    if (built.status !== 0) throw new Error("the page cannot be built");
    const place = mkdtempSync(join(tmpdir(), "forksight-dashboard-"));
    try {
      return await measure(place, say);
    } finally {
      rmSync(place, { recursive: true });
    }
  },
};

async function measure(
  place: string,
  say: (line: string) => void,
): Promise<BenchRow[]> {
  const texts = Array.from({ length: DISTINCT }, (_, i) =>
    syntheticMetrics(STEPS, i),
  );
  const folders = Array.from({ length: RUNS }, (_, i) => {
    const folder = join(place, `run-${i}`);
    const status = { step: STEPS, steps: STEPS };
    writeRun(folder, `run ${i}`, texts[i % DISTINCT]!, status, { seed: i });
    return folder;
  });
  const megabytes = (RUNS / DISTINCT) * texts.join("").length * 1e-6;
  say(`${megabytes.toFixed(0)} MB of metrics in ${RUNS} files`);
  // In the window the list of runs has read these before.
  const known = new Map<string, Run>();
  for (const folder of folders) known.set(folder, await readRun({ folder }));

  let host: PageHost | undefined = undefined;
  const session = new DashboardSession({
    post: (message) => host?.post(message),
    known: () => [...known.values()],
    read: (folder) => Promise.resolve(known.get(folder)!),
  });
  host = await openPage(root, (message) => void session.receive(message));
  try {
    await host.page.locator("#nothing").waitFor();
    const busy = await processorTime(host.page);
    const stretch = new Stretch();
    const usage = process.cpuUsage();
    const inPage = await busy();
    const before = performance.now();
    await session.show(folders);
    const read = performance.now() - before;
    await drawn(host);
    const opened = performance.now() - before;
    const { user, system } = process.cpuUsage(usage);
    say(
      `processor time: host ${((user + system) / 1000).toFixed(0)} ms (its polling of the page included), page ${((await busy()) - inPage).toFixed(0)} ms`,
    );
    say(
      `read and sent after ${read.toFixed(0)} ms, drawn after ${opened.toFixed(0)} ms`,
    );
    await session.surveyed();
    const surveyed = performance.now() - before;
    const longest = stretch.stop();
    say(`every file gone through after ${(surveyed / 1000).toFixed(1)} s`);
    await session.show(folders.slice(0, 1));
    await session.surveyed();
    await host.page.locator("#runs li").nth(1).waitFor({ state: "detached" });
    const point = await onePoint(session, host, folders[0]!);
    const charts = await host.page.evaluate<number>(CHARTS_IN_VIEW);
    const perChart = point.page / charts;
    say(
      `one step more: ${point.host.toFixed(2)} ms in the host, ${point.page.toFixed(2)} ms in the page for ${charts} charts in view`,
    );
    return [
      {
        what: `dashboard on ${RUNS} runs of ${STEPS} steps, to the first charts`,
        measured: `${opened.toFixed(0)} ms`,
        goal: `at most ${OPENING_GOAL} ms`,
        met: opened <= OPENING_GOAL,
      },
      {
        what: "longest stretch of work in the host while opening",
        measured: `${longest.toFixed(0)} ms`,
        goal: `at most ${STRETCH_GOAL} ms`,
        met: longest <= STRETCH_GOAL,
      },
      {
        what: "cost of one new point, host and each chart in view",
        measured: `${(point.host + perChart).toFixed(2)} ms`,
        goal: `under ${POINT_GOAL} ms`,
        met: point.host + perChart < POINT_GOAL,
      },
    ];
  } finally {
    session.dispose();
    await host.close();
  }
}

/** Charts that are drawn because they are in view, or nearly. */
const CHARTS_IN_VIEW = `[...document.querySelectorAll("#charts .card")].filter(
  (card) => card.getBoundingClientRect().top < innerHeight + 60,
).length`;

/** Resolves once the six charts at the top show all runs. */
async function drawn({ page }: PageHost): Promise<void> {
  const isDrawn = `[...document.querySelectorAll("#charts .card")].slice(0, 6).filter(
    (card) => card.textContent.includes("of ${RUNS}") || (card.matches(".fan") && card.querySelector("td")),
  ).length === 6`;
  while (!(await page.evaluate(isDrawn))) await sleep(10);
}

/** Asks for the milliseconds of processor time that the page's thread has spent in tasks. */
async function processorTime(page: Page): Promise<() => Promise<number>> {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await tools.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value;
  };
}

/** Appends steps one by one, and takes the processor time of the host and of the page for each. */
async function onePoint(
  session: DashboardSession,
  { page }: PageHost,
  folder: string,
): Promise<{ host: number; page: number }> {
  const random = seeded(7);
  const inHost: number[] = [];
  const inPage: number[] = [];
  const busy = await processorTime(page);
  const idle: number[] = [];
  for (let i = 1; i <= APPENDED; i++) {
    const line = syntheticLine(STEPS + i, STEPS, random);
    const start = await busy();
    await sleep(SETTLED);
    const before = await busy();
    idle.push(before - start);
    appendFileSync(join(folder, "metrics.jsonl"), `${JSON.stringify(line)}\n`);
    const usage = process.cpuUsage();
    await session.poll();
    const { user, system } = process.cpuUsage(usage);
    inHost.push((user + system) / 1000);
    await sleep(SETTLED);
    inPage.push((await busy()) - before);
  }
  return { host: median(inHost), page: median(inPage) - median(idle) };
}

/** The longest work without a turn of the event loop: the time it took, or the processor time where others took turns. */
class Stretch {
  private longest = 0;
  private last = performance.now();
  private usage = process.cpuUsage();
  private readonly timer = setInterval(() => this.look(), 1);

  stop(): number {
    clearInterval(this.timer);
    return this.longest;
  }

  private look(): void {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.usage);
    const worked = Math.min(now - this.last, (user + system) / 1000);
    this.longest = Math.max(this.longest, worked);
    this.last = now;
    this.usage = process.cpuUsage();
  }
}

export default bench;
