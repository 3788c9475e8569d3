import { describe, expect, it } from "vitest";
import { LAUNCH_IDS, launchHtml } from "../../../core/panels/launchHtml";
import { FORM_LABELS, FORM_SECTIONS } from "../../../core/panels/launchLayout";
import {
  readFormState,
  readFromLaunchPanel,
  readToLaunchPanel,
} from "../../../core/panels/launchProtocol";
import { formOf } from "../../../core/run/runForm";
import { SETTING_FIELDS } from "../../../core/run/settingFields";

describe("the launch panel's layout", () => {
  it("has every setting of the schema once", () => {
    const laidOut = FORM_SECTIONS.flatMap(({ fields }) => fields);
    expect(laidOut.toSorted()).toEqual(
      SETTING_FIELDS.map(({ name }) => name).toSorted(),
    );
  });

  it("labels only settings that there are", () => {
    for (const name of Object.keys(FORM_LABELS))
      expect(SETTING_FIELDS.map((field) => field.name)).toContain(name);
  });
});

describe("the launch panel's page", () => {
  const html = launchHtml({
    nonce: "N0nce",
    scriptUri: 'https://x/"><script>alert(1)</script>',
    styleUri: "https://x/a.css?a&b",
    cspSource: "https://x",
  });

  it("allows its own script and style sheet and nothing else", () => {
    expect(html).toContain(
      "default-src 'none'; style-src https://x 'nonce-N0nce'; script-src 'nonce-N0nce'; base-uri 'none'; form-action 'none'",
    );
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).not.toMatch(/\s(style|on\w+)=/);
  });

  it("has every element that the script looks up, once", () => {
    for (const id of Object.values(LAUNCH_IDS))
      expect(html.split(`id="${id}"`)).toHaveLength(2);
  });
});

describe("the launch panel's messages", () => {
  const values = formOf({ data: { eval: { test: "t.jsonl" } } });
  const form = { values, file: "", unfolded: ["run"] };

  it("come through as they are", () => {
    const changed = { type: "changed", values };
    expect(readFromLaunchPanel(structuredClone(changed))).toEqual(changed);
    const sent = { type: "form", form };
    expect(readToLaunchPanel(structuredClone(sent))).toEqual(sent);
    expect(readFormState(structuredClone(form))).toEqual(form);
  });

  it("drop whatever else is posted", () => {
    for (const message of [
      null,
      "ready",
      { type: "remedy", engine: "workbench.action.quit" },
      { type: "changed", values: { steps: 3 } },
      { type: "openLine", path: "x", line: 0.5 },
      { type: "form", form },
    ])
      expect(readFromLaunchPanel(message)).toBeUndefined();
    for (const message of [
      { type: "form" },
      { type: "ready" },
      { type: "facts", facts: {} },
    ])
      expect(readToLaunchPanel(message)).toBeUndefined();
    for (const state of [undefined, {}, { ...form, values: [] }])
      expect(readFormState(state)).toBeUndefined();
  });
});
