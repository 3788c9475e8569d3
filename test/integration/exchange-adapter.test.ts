/** A PEFT adapter made into GGUF gives in llama.cpp what PEFT gives in PyTorch (test/fixtures/exchange/make_fixture.py). */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { convertAdapter } from "../../native/exchange/adapterFiles";
import { makeScorer, openAddon } from "./openAddon";

interface Expected {
  readonly sequences: readonly (readonly number[])[];
  /** Log-probabilities of each token but the first, without and with the adapter. */
  readonly base: readonly (readonly number[])[];
  readonly adapted: readonly (readonly number[])[];
}

const TOLERANCE = 1e-4;
const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/exchange/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "forksight-exchange-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

for (const name of ["llama", "qwen3"]) {
  test(`${name}: llama.cpp's log-probabilities with the converted adapter are PEFT's`, async () => {
    const expected = JSON.parse(
      readFileSync(fixture(`${name}.json`), "utf8"),
    ) as Expected;
    const base = fixture(`${name}.gguf`);
    const adapter = join(folder, `${name}.gguf`);
    convertAdapter(fixture(`${name}-peft`), adapter, base);
    const back = join(folder, `${name}-peft`);
    convertAdapter(adapter, back, base);
    const again = join(folder, `${name}-again.gguf`);
    convertAdapter(back, again, base);
    expect(readFileSync(again).equals(readFileSync(adapter))).toBe(true);

    const model = await openAddon().loadModel(base, { gpuLayers: 0 });
    for (const adapterPath of [undefined, adapter]) {
      const scorer = makeScorer(model, {
        threads: 1,
        contextSize: 64,
        ...(adapterPath !== undefined && { adapterPath }),
      });
      const wanted = adapterPath ? expected.adapted : expected.base;
      for (const [i, ids] of expected.sequences.entries()) {
        const { logprob } = await scorer.score(Int32Array.from(ids), {
          temperature: 1,
          topK: 0,
          from: 1,
        });
        expect(logprob).toHaveLength(ids.length - 1);
        logprob.forEach((value, t) => {
          expect(Math.abs(value - wanted[i]![t]!)).toBeLessThan(TOLERANCE);
        });
      }
      scorer.free();
    }
    model.free();
    // Else the test would hold for an adapter that does nothing.
    const change = expected.adapted.flatMap((row, i) =>
      row.map((value, t) => Math.abs(value - expected.base[i]![t]!)),
    );
    expect(Math.max(...change)).toBeGreaterThan(0.5);
  });
}
