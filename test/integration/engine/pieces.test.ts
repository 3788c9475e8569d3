/** The bytes of tokens by a model's vocabulary alone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENGINE_ERROR } from "../../../core/engine/protocol";
import type { EngineClient } from "../../../native/client/engineClient";
import { POCKET_MODEL, annotate, makeClient } from "./engineUnderTest";

const TEXT = "<think>\nUsing 3, 7, 5 and 1, I want 37: naïve 🙂.\n</think>";

let client: EngineClient;
beforeAll(() => {
  client = makeClient();
});
afterAll(() => client.dispose());

describe("pieces", () => {
  it("give the text that the tokens were made of, and load no weights", async () => {
    const healths: string[] = [];
    client.onHealth(({ state }) => healths.push(state));
    const scored = await annotate(client, TEXT, { modelPath: POCKET_MODEL });
    await client.request("unload", null);
    healths.length = 0;
    const { model, pieces } = await client.request("pieces", {
      modelPath: POCKET_MODEL,
      ids: scored.ids,
    });
    expect(healths).toEqual([]);
    const bytes = Array.from(scored.ids, (id) => pieces.get(id)!);
    expect(new TextDecoder().decode(Buffer.concat(bytes))).toBe(TEXT);
    expect(model).toEqual(scored.model);
    expect(pieces.size).toBe(new Set(scored.ids).size);
  });

  it("leave out ids that the vocabulary does not have", async () => {
    const { model, pieces } = await client.request("pieces", {
      modelPath: POCKET_MODEL,
      ids: Int32Array.of(0, -1, 1_000_000),
    });
    expect(model.vocabularySize).toBeLessThan(1_000_000);
    expect([...pieces.keys()]).toEqual([0]);
  });

  it("of a model that is not there are refused by its name", async () => {
    await expect(
      client.request("pieces", {
        modelPath: "/nowhere/absent.gguf",
        ids: Int32Array.of(1),
      }),
    ).rejects.toMatchObject({
      code: ENGINE_ERROR.badModel,
      message: expect.stringContaining("absent.gguf") as unknown,
    });
  });
});
