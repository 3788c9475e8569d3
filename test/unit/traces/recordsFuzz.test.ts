import { describe, expect, it } from "vitest";
import { traceDocument } from "../../../core/traces/document";
import {
  describeRecordError,
  RecordsFile,
  RecordsFileError,
} from "../../../core/traces/recordsFile";
import {
  recordsFormat,
  type RecordsFormat,
} from "../../../core/traces/recordsFormat";
import { seeded } from "../seeded";
import { MemorySource } from "./byteSource";

const MUTATIONS = 200;

/** Records of every shape; what the mutations start from. */
const RECORDS: readonly unknown[] = [
  { prompt: "2+2=", completion: "<think>\nTwo.\n</think>\n\n4", reward: 1 },
  {
    prompt: [{ role: "user", content: "2+2?" }],
    completion: [{ role: "assistant", content: "4" }],
    score: 0.5,
  },
  {
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "2+2?" }] },
      { role: "assistant", reasoning_content: "Two.", content: "4 \u{1f600}" },
    ],
    extra_info: { split: "train", index: 7 },
  },
  { input: "user\n2+2?", output: "4\r\n\\boxed{4}", score: -1, step: 3 },
  { question: "2+2?", answer: "4", tags: ["a", "b"] },
  { step: 1, prompt: "p", completion: "c", acc_reward: 1, advantage: -0.3 },
];

type Random = () => number;

const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)]!;

/** Values that no one expects where they may turn up. */
const STRANGE: readonly unknown[] = [
  null,
  true,
  0,
  -1e308,
  "",
  "\u0000",
  "\ud800",
  "\r",
  [],
  [[]],
  [null],
  {},
  { role: "assistant" },
  { role: 5, content: {} },
  [{ role: "assistant", content: [{ text: 4 }, null] }],
  JSON.parse('{"__proto__": {"response": "x"}}'),
  ["a", 1, ["b"]],
  "x".repeat(20_000),
];

/** Replaces, removes or renames something somewhere in a JSON value. */
function mutateValue(value: unknown, random: Random): unknown {
  if (random() < 0.25 || typeof value !== "object" || value === null)
    return pick(random, STRANGE);
  if (Array.isArray(value)) {
    const copy = [...(value as unknown[])];
    const at = Math.floor(random() * (copy.length + 1));
    if (random() < 0.3) copy.splice(at, 1);
    else copy[at] = mutateValue(copy[at], random);
    return copy;
  }
  const entries = Object.entries(value) as [string, unknown][];
  const at = Math.floor(random() * entries.length);
  const [name, inner] = entries[at] ?? ["response", ""];
  const kind = random();
  if (kind < 0.2) entries.splice(at, 1);
  else if (kind < 0.4)
    entries[at] = [
      pick(random, ["messages", "completion", "__proto__", "prompt", "data"]),
      inner,
    ];
  else entries[at] = [name, mutateValue(inner, random)];
  return Object.fromEntries(entries);
}

/** Damages bytes: a flip, a cut, a repeated piece, NULs, brackets without end. */
function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = Math.floor(random() * bytes.length);
  const span = Math.floor(random() * 40);
  const spliced = (middle: Uint8Array | readonly number[], skip: number) =>
    Uint8Array.from([
      ...bytes.subarray(0, at),
      ...middle,
      ...bytes.subarray(at + skip),
    ]);
  switch (Math.floor(random() * 7)) {
    case 0:
      return spliced([Math.floor(random() * 256)], 1);
    case 1:
      return bytes.slice(0, at);
    case 2:
      return spliced([], span);
    case 3:
      return spliced(bytes.subarray(at, at + span), 0);
    case 4:
      return spliced(new Uint8Array(span), span);
    case 5:
      return spliced(
        new Uint8Array(50_000).fill(pick(random, [0x5b, 0x7b])),
        0,
      );
    default:
      return spliced([pick(random, [0x0a, 0x0d, 0x22, 0x5c, 0xef, 0x80])], 0);
  }
}

function mutatedFile(seed: number): Uint8Array {
  const random = seeded(seed);
  const records = RECORDS.map((one) =>
    random() < 0.5 ? mutateValue(one, random) : one,
  );
  const lines = records.map((one) => JSON.stringify(one) ?? "");
  const text =
    random() < 0.5
      ? lines.join(pick(random, ["\n", "\r\n", "\n\n"]))
      : `[${lines.join(",\n")}]`;
  const bytes = new TextEncoder().encode(text);
  return random() < 0.7 ? mutateBytes(bytes, random) : bytes;
}

/** Reads everything there is; a file may be refused as a whole, with a reason. */
async function readAll(bytes: Uint8Array, format: RecordsFormat) {
  const count = { records: 0, errors: 0, refused: 0 };
  let file: RecordsFile;
  try {
    file = await RecordsFile.open(new MemorySource(bytes), "fuzz", format);
  } catch (error) {
    expect(error).toBeInstanceOf(RecordsFileError);
    count.refused++;
    return count;
  }
  for (let index = 1; index <= file.count; index++) {
    const parsed = await file.read(index);
    if (parsed.kind === "error") {
      count.errors++;
      expect(parsed.message).not.toBe("");
      expect(describeRecordError(parsed)).toMatch(/^line \d+: [^\n\r\0]+$/);
    } else {
      count.records++;
      const { record } = parsed;
      expect(record.response).not.toBe("");
      const document = traceDocument(record, "fuzz");
      expect(document.text.length - document.responseStart).toBe(
        record.response.length,
      );
    }
  }
  return count;
}

describe("damaged records", () => {
  it(`are an error each, or a record, in ${MUTATIONS} seeded mutations`, async () => {
    const total = { records: 0, errors: 0, refused: 0 };
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const bytes = mutatedFile(seed);
      recordsFormat("fuzz", bytes);
      for (const format of ["jsonl", "json"] as const) {
        const count = await readAll(bytes, format);
        total.records += count.records;
        total.errors += count.errors;
        total.refused += count.refused;
      }
    }
    // The mutations do reach both outcomes, many times.
    expect(total.records).toBeGreaterThan(MUTATIONS);
    expect(total.errors).toBeGreaterThan(MUTATIONS / 2);
  });
});
