/** The kernel's gradients against PyTorch's autograd in float64 and against central finite differences. */
import { expect, test } from "vitest";
import type { TokenBatch, TrainingKernel } from "../../native/addon/training";
import {
  fixtureBatch,
  fixtureObjective,
  openFixture,
  relativeError,
  trainFixture,
} from "./openTraining";
import { seeded } from "../unit/seeded";

for (const backward of ["tiled", "matmul", "plain"] as const) {
  for (const name of ["qwen3", "qwen2", "llama"]) {
    test(`${name}, ${backward}: the masked objective and all its gradients are PyTorch's`, async () => {
      const fixture = trainFixture(name);
      const kernel = await openFixture(name, fixture, { backward });
      const batch = fixtureBatch(fixture);
      const base = await kernel.forward(batch, { base: true });
      expect(relativeError(base.logprob, fixture.baseLogprob)).toBeLessThan(
        1e-5,
      );
      const seen = { loss: NaN };
      const columns = await kernel.accumulate(
        batch,
        fixtureObjective(fixture, seen),
      );
      expect(relativeError(columns.logprob, fixture.logprob)).toBeLessThan(
        1e-5,
      );
      expect(relativeError(columns.entropy, fixture.entropy)).toBeLessThan(
        1e-5,
      );
      expect(seen.loss).toBeCloseTo(fixture.loss, 4);
      const names = kernel.parameterNames();
      expect(names).toEqual(Object.keys(fixture.gradients));
      for (const parameter of names) {
        expect(
          relativeError(
            kernel.gradient(parameter),
            fixture.gradients[parameter]!,
          ),
          parameter,
        ).toBeLessThan(1e-4);
      }
      kernel.free();
    });
  }
}

/**
 * Half precision rounds each operand of a product to 2^-11 (F16) or 2^-8 (BF16); quantised types round the activations to 8
 * bits in blocks. A wrong term would show as an error of the order of 1.
 */
for (const [name, tolerance] of [
  ["f16", 5e-3],
  ["bf16", 3e-2],
  ["q8_0", 6e-2],
  ["mixed", 6e-2],
] as const) {
  for (const backward of ["tiled", "matmul"] as const) {
    test(`${name} weights, ${backward}: gradients as of the dequantised weights`, async () => {
      const fixture = trainFixture(name);
      const kernel = await openFixture(name, fixture, { backward });
      const seen = { loss: NaN };
      await kernel.accumulate(
        fixtureBatch(fixture),
        fixtureObjective(fixture, seen),
      );
      for (const [parameter, expected] of Object.entries(fixture.gradients)) {
        const error = relativeError(kernel.gradient(parameter), expected);
        expect(error, parameter).toBeLessThan(tolerance);
      }
      kernel.free();
    });
  }
}

test("every kind of parameter agrees with central finite differences", async () => {
  const fixture = trainFixture("qwen3");
  const kernel = await openFixture("qwen3", fixture);
  const batch = fixtureBatch(fixture);
  const random = seeded(4);
  const byLogprob = Float64Array.from(batch.targets, () => random() - 0.5);
  const byEntropy = Float64Array.from(batch.targets, () => random() - 0.5);
  const loss = async () => {
    const columns = await kernel.forward(batch);
    let sum = 0;
    for (let i = 0; i < byLogprob.length; i++) {
      sum += byLogprob[i]! * columns.logprob[i]!;
      sum += byEntropy[i]! * columns.entropy[i]!;
    }
    return sum;
  };
  await kernel.accumulate(batch, () => ({ byLogprob, byEntropy }));
  for (const name of kernel.parameterNames()) {
    const gradient = kernel.gradient(name);
    const norm = Math.hypot(...gradient);
    const values = kernel.parameter(name);
    // Along the gradient: its length is the slope there. The step balances rounding (1e-7 / h) and curvature (h^2).
    const h = 4e-3;
    const moved = (sign: number) =>
      values.map((value, i) => value + (sign * h * gradient[i]!) / norm);
    kernel.setParameter(name, moved(1));
    const above = await loss();
    kernel.setParameter(name, moved(-1));
    const below = await loss();
    kernel.setParameter(name, values);
    const slope = (above - below) / (2 * h);
    expect(Math.abs(slope - norm) / norm, name).toBeLessThan(2e-3);
  }
  kernel.free();
});

test("workers side by side give the gradients of one, however many", async () => {
  const fixture = trainFixture("qwen3");
  for (const threads of [2, 3, 8]) {
    const kernel = await openFixture("qwen3", fixture, { threads });
    const seen = { loss: NaN };
    const columns = await kernel.accumulate(
      fixtureBatch(fixture),
      fixtureObjective(fixture, seen),
    );
    expect(relativeError(columns.logprob, fixture.logprob)).toBeLessThan(1e-5);
    expect(seen.loss).toBeCloseTo(fixture.loss, 4);
    const first = gradients(kernel);
    for (const [parameter, values] of first) {
      expect(
        relativeError(values, fixture.gradients[parameter]!),
        `${parameter}, ${threads} threads`,
      ).toBeLessThan(1e-4);
    }
    kernel.zeroGradients();
    await kernel.accumulate(
      fixtureBatch(fixture),
      fixtureObjective(fixture, seen),
    );
    expect(gradients(kernel)).toEqual(first);
    await expect(
      kernel.accumulate(fixtureBatch(fixture), () => {
        throw new Error("no reward");
      }),
    ).rejects.toThrow(/no reward/);
    expect(gradients(kernel)).toEqual(first);
    kernel.free();
  }
});

/** A part of a batch: sequences [from, to) and those targets for which `keep` holds. */
function part(
  batch: TokenBatch,
  from: number,
  to: number,
  keep: (target: number) => boolean,
): TokenBatch {
  const [start, end] = [batch.offsets[from]!, batch.offsets[to]!];
  return {
    ids: batch.ids.slice(start, end),
    offsets: batch.offsets.slice(from, to + 1).map((offset) => offset - start),
    targets: batch.targets
      .filter((target) => target >= start && target < end && keep(target))
      .map((target) => target - start),
    temperature: batch.temperature,
  };
}

test("gradients add up over micro-batches, and rows that are left out change nothing", async () => {
  const fixture = trainFixture("qwen2");
  const kernel = await openFixture("qwen2", fixture);
  const batch = fixtureBatch(fixture);
  const weights = new Map(
    [...batch.targets].map((target, i) => [target, i % 3 === 0 ? 0 : i - 20]),
  );
  const accumulate = (which: TokenBatch, start: number) =>
    kernel.accumulate(which, () => ({
      byLogprob: Float64Array.from(which.targets, (target) =>
        weights.get(target + start)!,
      ),
      byEntropy: new Float64Array(which.targets.length),
    }));
  await accumulate(batch, 0);
  const whole = gradients(kernel);
  kernel.zeroGradients();
  for (const [from, to] of [
    [0, 2],
    [2, 5],
  ] as const) {
    const start = batch.offsets[from]!;
    await accumulate(
      part(batch, from, to, (target) => weights.get(target) !== 0),
      start,
    );
  }
  for (const [name, values] of gradients(kernel)) {
    expect(relativeError(values, whole.get(name)!), name).toBeLessThan(1e-5);
  }
  kernel.free();
});

function gradients(kernel: TrainingKernel): Map<string, Float32Array> {
  return new Map(
    kernel.parameterNames().map((name) => [name, kernel.gradient(name)]),
  );
}
