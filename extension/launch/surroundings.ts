import * as vscode from "vscode";
import type { DescribedModel } from "../../core/engine/protocol";
import type {
  EngineChoice,
  ModelChoice,
  ToLaunchPanel,
} from "../../core/panels/launchProtocol";
import { discoverModels } from "../../native/client/discover";
import { readSettings } from "../configuration";
import type { Engine } from "../engine/engine";
import type { TrainingEngine } from "../engines/trainingEngine";
import { bytes, count } from "../models/modelItems";
import { inert } from "./readDataSet";

const NAME_LIMIT = 80;
const DETAIL_LIMIT = 200;

/** Engines and models of this machine, as the panel lists them. They become known one after another. */
export class Surroundings {
  private readonly emitter = new vscode.EventEmitter<void>();
  private readonly engineChoices: Map<string, EngineChoice>;
  private readonly abort = new AbortController();
  private models: readonly ModelChoice[];
  private isSearching = true;

  /** Fires when there is more to show. */
  readonly onDidChange = this.emitter.event;

  constructor(
    private readonly engines: readonly TrainingEngine[],
    private readonly engine: Engine,
    pocketPath: string,
    private readonly downloads: string,
  ) {
    this.models = [
      {
        path: pocketPath,
        label: "Pocket model",
        detail: "comes with Forksight, knows only Countdown",
      },
    ];
    this.engineChoices = new Map(
      engines.map(({ id, label, description }) => [
        id,
        { id, label, description, state: "pending", detail: "" },
      ]),
    );
  }

  /** Asks engines and looks for models. */
  look(): void {
    for (const engine of this.engines) void this.ask(engine);
    void this.search().finally(() => {
      this.isSearching = false;
      this.emitter.fire();
    });
  }

  get message(): ToLaunchPanel {
    return {
      type: "surroundings",
      isTrusted: vscode.workspace.isTrusted,
      engines: [...this.engineChoices.values()],
      models: [...this.models],
      isSearching: this.isSearching,
    };
  }

  /** Runs what mends an engine, and asks it anew. */
  async mend(id: string): Promise<void> {
    const engine = this.engines.find((one) => one.id === id);
    const availability = await engine?.availability();
    if (engine === undefined || availability?.available !== false) return;
    if (availability.remedy !== undefined)
      await vscode.commands.executeCommand(availability.remedy.command);
    await this.ask(engine);
  }

  dispose(): void {
    this.abort.abort();
    this.emitter.dispose();
  }

  private async ask(engine: TrainingEngine): Promise<void> {
    const { id, label, description } = engine;
    const choice = await engine.availability().then(
      (found): EngineChoice =>
        found.available
          ? {
              id,
              label,
              description,
              state: "available",
              detail: inert(found.detail, DETAIL_LIMIT),
            }
          : {
              ...{ id, label, description, state: "missing" },
              detail: inert(found.missing.join(" "), DETAIL_LIMIT),
              ...(found.remedy && { remedy: found.remedy.title }),
            },
      (error: unknown): EngineChoice => ({
        ...{ id, label, description, state: "missing" },
        detail: inert(String(error), DETAIL_LIMIT),
      }),
    );
    this.engineChoices.set(id, choice);
    this.emitter.fire();
  }

  private async search(): Promise<void> {
    const { signal } = this.abort;
    const folders = [...readSettings().modelFolders, this.downloads];
    const found = await discoverModels({ folders, signal });
    for (const { path, name } of found) {
      if (signal.aborted) return;
      if (this.models.some((model) => model.path === path)) continue;
      // Without an engine the list stays usable, by names alone.
      const [described] = await this.engine
        .request("describeModels", { paths: [path] }, { signal })
        .catch(() => []);
      this.models = [...this.models, modelChoice(path, name, described)];
      this.emitter.fire();
    }
  }
}

function modelChoice(
  path: string,
  name: string,
  described: DescribedModel | undefined,
): ModelChoice {
  if (described?.kind !== "model")
    return {
      path,
      label: inert(name, NAME_LIMIT),
      detail: described ? inert(described.message, DETAIL_LIMIT) : "",
    };
  const { model } = described;
  const facts = [
    model.architecture,
    `${count(model.parameters)} parameters`,
    model.quantization,
    bytes(model.sizeBytes),
  ];
  return {
    path,
    label: inert(model.name, NAME_LIMIT),
    detail: inert(facts.join(", "), DETAIL_LIMIT),
  };
}
