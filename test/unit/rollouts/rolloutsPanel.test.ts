import { describe, expect, it } from "vitest";
import { ROLLOUTS_IDS, rolloutsHtml } from "../../../core/panels/rolloutsHtml";
import {
  readFromRolloutsPanel,
  readRolloutsState,
  readToRolloutsPanel,
} from "../../../core/panels/rolloutsProtocol";
import { EVERYTHING } from "../../../core/rollouts/rolloutRows";
import { hoverText } from "../../../extension/inspect/hoverText";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import { visibleLine } from "../../../core/panels/visibleText";
import { traceOf } from "../extension/tokenised";

const PAGE = {
  step: 1,
  query: EVERYTHING,
  offset: 0,
  total: 1,
  matching: 1,
  rows: [
    {
      index: 1,
      group: 0,
      prompt: "?",
      reward: 1,
      advantage: 0,
      length: null,
      clipped: false,
      entropy: null,
      kept: null,
    },
  ],
  bad: [{ line: 2, message: "no JSON" }],
  badCount: 1,
};

describe("the messages of the panel Rollouts", () => {
  it.each([
    { type: "steps", folder: "/r", run: "r", steps: [1], checkpoints: [] },
    { type: "page", page: PAGE },
    { type: "reading", step: 1, done: 1, total: 2 },
    { type: "failed", step: 1, message: "gone" },
  ])("$type comes through as it is", (message) => {
    expect(readToRolloutsPanel(structuredClone(message))).toEqual(message);
    expect(readFromRolloutsPanel(message)).toBeUndefined();
  });

  it.each([
    { type: "ready" },
    { type: "read", step: 1, query: EVERYTHING, offset: 100 },
    { type: "open", step: 1, index: 2, focus: true },
    { type: "inspect", step: 1 },
  ])("$type goes out as it is", (message) => {
    expect(readFromRolloutsPanel(structuredClone(message))).toEqual(message);
    expect(readToRolloutsPanel(message)).toBeUndefined();
  });

  it.each([
    null,
    "ready",
    { type: "open", step: 1, index: 0, focus: true },
    { type: "open", step: 1, index: "../../x", focus: true },
    { type: "read", step: 1.5, query: EVERYTHING, offset: 0 },
    { type: "read", step: 1, query: { ...EVERYTHING, sort: "x" }, offset: 0 },
    { type: "read", step: 1, query: EVERYTHING, offset: -1 },
  ])("%j is dropped", (message) => {
    expect(readFromRolloutsPanel(message)).toBeUndefined();
  });

  it("a state that is none gives way to the newest step, unsorted", () => {
    const state = { folder: "/r", step: 3, query: EVERYTHING, offset: 100 };
    expect(readRolloutsState(structuredClone(state))).toEqual(state);
    const fresh = { folder: "", step: null, query: EVERYTHING, offset: 0 };
    for (const kept of [undefined, null, {}, { ...state, query: 1 }])
      expect(readRolloutsState(kept)).toEqual(fresh);
  });
});

describe("the page of the panel Rollouts", () => {
  const page = rolloutsHtml({
    nonce: "n0nce",
    scriptUri: 'https://host/rollouts.js?a="><script>',
    styleUri: "https://host/rollouts.css",
    cspSource: "https://host",
  });

  it("runs its own script alone, and has no styles or handlers inline", () => {
    expect(page).toContain("default-src 'none'");
    expect(page).toContain("script-src 'nonce-n0nce'");
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/\sstyle=|\son\w+=|unsafe/i);
  });

  it("has every element that the script looks up, once", () => {
    for (const id of Object.values(ROLLOUTS_IDS))
      expect(page.split(`id="${id}"`)).toHaveLength(2);
  });
});

describe("what comes from a run", () => {
  it("is one visible line in the table", () => {
    expect(visibleLine("a b\n\u202e\u001b[31m<b>")).toBe(
      "a b↵<U+202E>␛[31m<b>",
    );
  });

  it("is inert in the hover, which tells kept tokens from others", () => {
    const evil = "[x](command:evil)<img>\u202e`";
    const trace = {
      ...traceOf([
        { text: evil, entropy: 1.5 },
        { text: "b", entropy: 0.5 },
      ]),
      recorded: {
        run: evil,
        step: 4,
        group: 0,
        reward: 1,
        advantage: 0,
        withoutText: { tokens: 0, kept: 0 },
      },
    };
    const live = LiveTrace.of(trace, 0, { kind: "mask", kept: [1, 0] });
    const hover = hoverText(live, [0]);
    expect(hover).toContain("**Kept token** · recorded entropy **1.500** nats");
    expect(hover).toContain("no gradient, all of its group are equal");
    expect(hover).toContain("id 1");
    const outside = hover.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gmu, "");
    expect(outside).not.toMatch(/[[\]<>`\u202e]/u);
    expect(hoverText(live, [1])).toContain("Token, not kept");
  });
});
