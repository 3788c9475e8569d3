/** What one scroll costs the extension host in a document of 100,000 tokens: from the visible range to the decorations. */
import { LineIndex } from "../../extension/inspect/lineIndex";
import { LiveTrace } from "../../extension/inspect/liveTrace";
import {
  type LineRange,
  covers,
  forkLines,
  screenful,
} from "../../extension/inspect/screenful";
import { traceOf } from "../unit/extension/tokenised";
import { type Bench, type BenchRow, median } from "./measure";

const TOKENS = 100_000;
/** Lines of one screen of a large monitor. */
const SCREEN_LINES = 70;
/** milliseconds: one frame at 60 Hz */
const FRAME = 16;

/** Words in lines of about 90 characters, every fifth line blank, entropies as skewed as a reasoning model's. */
function largeTrace() {
  const words = ["wait", "so", "therefore", "x", "42", ",", "is", "\n", "\n\n"];
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const tokens = Array.from({ length: TOKENS }, (_, i) => ({
    text: i % 18 === 17 ? words[7 + (i % 2)]! : ` ${words[i % 7]!}`,
    entropy: 5 * random() ** 6,
  }));
  const text = tokens.map((token) => token.text).join("");
  return { text, trace: traceOf(tokens) };
}

/** Stands for an editor: what setDecorations is given crosses to another process as plain ranges. */
class FakeEditor {
  sent = 0;
  setDecorations(ranges: readonly LineRange[]): void {
    this.sent += JSON.stringify(ranges).length;
  }
}

function scroll(
  live: LiveTrace,
  lines: LineIndex,
  mode: "forks" | "heat",
  editor: FakeEditor,
  top: number,
): number {
  const before = performance.now();
  const visible = [
    {
      start: lines.lineStart(top),
      end: lines.lineStart(top + SCREEN_LINES),
    },
  ];
  const { painted, buckets, forks } = screenful(live, lines, mode, visible);
  for (const ranges of [...buckets, forks]) editor.setDecorations(ranges);
  if (!covers(painted, visible)) throw new Error("the screen is not painted");
  return performance.now() - before;
}

const bench: Bench = {
  name: "decorating a document of 100,000 tokens",
  run(say) {
    const { text, trace } = largeTrace();
    const before = process.cpuUsage();
    const lines = new LineIndex(text);
    const live = LiveTrace.of(trace, 0, { kind: "share", share: 0.2 });
    forkLines(live, lines);
    const { user, system } = process.cpuUsage(before);
    say(
      `${lines.lineCount} lines; index, cut and ruler, once: ${((user + system) / 1000).toFixed(1)} ms of processor time`,
    );
    const rows: BenchRow[] = [];
    for (const mode of ["forks", "heat"] as const) {
      const editor = new FakeEditor();
      const last = lines.lineCount - SCREEN_LINES;
      const times: number[] = [];
      for (let top = 0; top < last; top += Math.ceil(last / 300))
        times.push(scroll(live, lines, mode, editor, top));
      const typical = median(times);
      const worst = times.toSorted((a, b) => a - b)[
        Math.floor(0.99 * times.length)
      ]!;
      rows.push({
        what: `decorating per scroll, ${mode}, 100,000 tokens`,
        measured: `${typical.toFixed(2)} ms (99th percentile ${worst.toFixed(2)} ms)`,
        goal: `at most ${FRAME} ms`,
        met: typical <= FRAME,
      });
    }
    return Promise.resolve(rows);
  },
};

export default bench;
