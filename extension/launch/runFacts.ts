import { stat } from "node:fs/promises";
import type {
  DataPreview,
  LaunchFacts,
} from "../../core/panels/launchProtocol";
import {
  checkForm,
  type FormProblem,
  type FormValues,
  valueAt,
  type WrittenSettings,
} from "../../core/run/runForm";
import { checkSettings } from "../../core/run/runFile";
import type { RunSettings } from "../../core/run/settings";
import {
  heldOutCheck,
  type ProblemCheck,
  trainingCheck,
} from "../../core/tasks/dataSet";
import { counted } from "../counted";
import { namesHubModel } from "../runFiles/absolutePaths";
import { typedPaths } from "./formPaths";
import { type DataSetRead, readDataSet } from "./readDataSet";
import type { Prompts, RunEstimate } from "./runEstimate";

/** What there is to say of a run that only one who sees the disk can say. */
export class RunFacts {
  /** By what was asked; a file that has changed is asked under another key. */
  private readonly known = new Map<string, DataSetRead>();

  constructor(private readonly estimate: RunEstimate) {}

  /** @param root what relative paths count from. @throws what `signal` aborts with */
  async of(
    values: FormValues,
    root: string | undefined,
    signal: AbortSignal,
  ): Promise<LaunchFacts> {
    const written = typedPaths(checkForm(values).written, root);
    const isHubModel = namesHubModel(written, root ?? "");
    const problems = [
      ...(isHubModel
        ? []
        : await fileProblem(written, "model", values["engine"] !== "embedded")),
      ...(await fileProblem(written, "reward.file", false)),
    ];
    const data = await this.previews(written, values, signal);
    problems.push(...data.flatMap(dataProblem));
    const settings = checkSettings(written);
    if (!settings.ok) return { problems, data, estimate: [] };
    const { lines, modelProblem, trainedContext } = await this.estimate.of(
      settings.settings,
      data.find(({ field }) => field === "data.train"),
    );
    if (modelProblem !== undefined)
      problems.push({ field: "model", message: modelProblem });
    const { maxTokens } = settings.settings.rollout;
    if (trainedContext !== undefined && maxTokens >= trainedContext)
      problems.push({
        field: "rollout.maxTokens",
        message: `the model was trained for ${trainedContext} tokens, prompt and completion together`,
      });
    return { problems, data, estimate: [...lines] };
  }

  private async previews(
    written: WrittenSettings,
    values: FormValues,
    signal: AbortSignal,
  ): Promise<(DataPreview & Prompts)[]> {
    // The form offers no other values than the schema's; of a hand-written wrong one the form itself tells.
    const kind = values["reward.kind"] as RunSettings["reward"]["kind"];
    const loss = values["objective.loss"] as RunSettings["objective"]["loss"];
    const settings = { reward: { kind }, objective: { loss } };
    const previews: (DataPreview & Prompts)[] = [];
    const add = async (
      place: Pick<DataPreview, "field" | "set">,
      path: unknown,
      check: ProblemCheck,
      purpose: string,
    ) => {
      if (typeof path !== "string" || path === "") return;
      const read = await this.read(path, check, purpose, signal);
      previews.push({ ...place, path, ...read });
    };
    await add(
      { field: "data.train" },
      valueAt(written, "data.train"),
      trainingCheck(settings),
      `train ${kind} ${loss}`,
    );
    const sets = valueAt(written, "data.eval") ?? {};
    for (const [set, path] of Object.entries(sets))
      await add(
        { field: "data.eval", set },
        path,
        heldOutCheck(settings),
        `eval ${kind}`,
      );
    return previews;
  }

  private async read(
    path: string,
    check: ProblemCheck,
    purpose: string,
    signal: AbortSignal,
  ): Promise<DataSetRead> {
    const state = await stat(path).catch(() => undefined);
    const key = JSON.stringify([path, purpose, state?.mtimeMs, state?.size]);
    const known = this.known.get(key);
    if (known !== undefined && state !== undefined) return known;
    const read = await readDataSet(path, check, signal);
    if (this.known.size > MOST_KNOWN) this.known.clear();
    this.known.set(key, read);
    return read;
  }
}

const MOST_KNOWN = 20;

async function fileProblem(
  written: WrittenSettings,
  field: string,
  mayBeFolder: boolean,
): Promise<FormProblem[]> {
  const path = valueAt(written, field);
  if (typeof path !== "string" || path === "") return [];
  try {
    const found = await stat(path);
    if (found.isFile() || mayBeFolder) return [];
    const message = found.isDirectory()
      ? "this is a folder, and a file is needed"
      : "this is not a file";
    return [{ field, message }];
  } catch {
    return [{ field, message: "there is no such file" }];
  }
}

function dataProblem(preview: DataPreview): FormProblem[] {
  const { field, set, problem, badCount, bad } = preview;
  const at = set === undefined ? "" : `${set}: `;
  if (problem !== undefined) return [{ field, message: `${at}${problem}` }];
  if (badCount === 0) return [];
  const [first] = bad;
  const message = `${at}${counted(badCount, "line")} cannot be used; the first is line ${first?.line}`;
  return [{ field, message }];
}
