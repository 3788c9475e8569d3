import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineClient } from "../../../native/client/engineClient";
import {
  POCKET_MODEL,
  annotate,
  inRepository,
  makeClient,
} from "./engineUnderTest";
import { goldenDifferences, goldenText } from "./goldenText";

const SAMPLES = ["countdown-long", "countdown-failed"];

let client: EngineClient;
beforeAll(() => {
  client = makeClient();
});
afterAll(() => client.dispose());

describe("the pocket model's annotation of the sample traces", () => {
  it.each(SAMPLES)("%s is what the golden file says", async (sample) => {
    const text = readFileSync(
      inRepository(`samples/traces/${sample}.txt`),
      "utf8",
    );
    const scored = await annotate(client, text, { modelPath: POCKET_MODEL });
    const actual = goldenText(scored);
    const path = inRepository(`test/fixtures/golden/${sample}.txt`);
    if (process.env["FORKSIGHT_UPDATE_GOLDEN"] !== undefined) {
      writeFileSync(path, actual);
    }
    expect(existsSync(path), `${path} is missing`).toBe(true);
    const expected = readFileSync(path, "utf8");
    expect(goldenDifferences(expected, actual)).toEqual([]);
    // The comparison itself must see a change.
    const last = actual.trimEnd().split("\n").at(-1) ?? "";
    expect(
      goldenDifferences(
        expected,
        actual.replace(last, last.replace(/\d\.\d\d/, "9.99")),
      ),
    ).toHaveLength(1);
  });
});
