/** The entry of the extension: puts the parts together and takes them apart again. */
import * as vscode from "vscode";
import { SECTION, readSettings } from "./configuration";
import { ComparisonFiles } from "./arms/comparison";
import { Comparisons } from "./arms/comparisons";
import { registerCommands } from "./commands";
import { DashboardPanel } from "./dashboard/dashboardPanel";
import { TrainingView } from "./dashboard/trainingView";
import { registerCompareCommands } from "./compare/compareCommands";
import { ComparisonHover } from "./compare/comparisonHover";
import { ComparisonPainter } from "./compare/comparisonPainter";
import { ComparisonView } from "./compare/comparisonView";
import { ModelComparisons } from "./compare/modelComparisons";
import { Engine } from "./engine/engine";
import { EmbeddedEngine } from "./engines/embedded";
import { registerEngineCommands } from "./engines/engineCommands";
import { Engines } from "./engines/engines";
import { readEngineSettings } from "./engines/engineSettings";
import { RayEngine } from "./engines/ray";
import { TrlEngine } from "./engines/trl";
import { Failures } from "./engine/failures";
import { registerRemedies } from "./engine/remedies";
import { ScoringProgress } from "./engine/scoringProgress";
import { StatusItem } from "./engine/statusItem";
import { LaunchPanels } from "./launch/launchPanels";
import { RunEstimate } from "./launch/runEstimate";
import { RunFacts } from "./launch/runFacts";
import { Surroundings } from "./launch/surroundings";
import { CheckpointAdapters } from "./exchange/checkpointAdapters";
import { Cli } from "./exchange/cli";
import { registerExchangeCommands } from "./exchange/exchangeCommands";
import { TrainerRuns } from "./exchange/importRuns";
import { Annotations } from "./inspect/annotations";
import { Annotator } from "./inspect/annotator";
import { ContextKeys } from "./inspect/contexts";
import { FollowedEditor } from "./inspect/followedEditor";
import { ForksView } from "./inspect/forksView";
import { TokenHover } from "./inspect/hover";
import { OpenDocuments } from "./inspect/openDocuments";
import { Painter } from "./inspect/painter";
import { ParagraphLens } from "./inspect/paragraphLens";
import { Scoring } from "./inspect/scoring";
import { StatisticsView } from "./inspect/statisticsView";
import { TraceCache } from "./inspect/traceCache";
import { DOWNLOADS } from "./models/chooseModel";
import { CudaBackEnd } from "./models/cudaBackEnd";
import { Models } from "./models/modelInForce";
import { OpenFiles } from "./records/openFiles";
import { RecordDocuments } from "./records/recordDocuments";
import { RecordLens } from "./records/recordLens";
import { RecordCommands } from "./records/openRecord";
import { RecordProblems } from "./records/recordProblems";
import {
  RolloutCommands,
  registerRolloutCommands,
} from "./rollouts/rolloutCommands";
import { registrar } from "./registrar";
import { registerRunFileLanguage } from "./runFiles/runFileLanguage";
import { Launcher } from "./runs/launcher";
import { OpenedPlaces } from "./runs/openedPlaces";
import { registerRunCommands } from "./runs/runCommands";
import { RunNotices } from "./runs/runNotices";
import { Runs } from "./runs/runs";
import { RunsView } from "./runs/runsView";
import { TrainTasks } from "./runs/trainTasks";
import { TrlSetUp } from "./trl/setUpTrl";
import { TrlPackage } from "./trl/trlPackage";

/** Settings that the scores depend on: a change has what is shown scored again. */
const SCORED_BY = [
  "modelPath",
  "adapterPath",
  "gpu",
  "precision",
  "contextSize",
  "temperature",
  "topK",
].map((name) => `${SECTION}.${name}`);

const MEGABYTE = 1024 * 1024;

let engine: Engine | undefined;
let ray: RayEngine | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Forksight", { log: true });
  const models = new Models(context);
  const cuda = new CudaBackEnd(context);
  const failures = new Failures(log);
  engine = new Engine(context.asAbsolutePath("dist/engine.mjs"), log, () =>
    cuda.folder(),
  );
  const cache = new TraceCache(
    vscode.Uri.joinPath(context.globalStorageUri, "traces").fsPath,
    () => readSettings().cacheSizeMB * MEGABYTE,
    (line) => log.warn(line),
  );
  const { version } = context.extension.packageJSON as { version: string };
  const scoring = new Scoring(engine, cache, version);
  const files = new OpenFiles();
  const records = new RecordDocuments(files);
  const problems = new RecordProblems(log);
  const annotations = new Annotations();
  const annotator = new Annotator(
    annotations,
    scoring,
    (uri) => records.contentOf(uri),
    (uri) => models.inForce(uri).path,
  );
  const followed = new FollowedEditor();
  const forks = new ForksView(annotations, followed);
  const status = new StatusItem(engine, annotations, annotator, () =>
    models.inForce(vscode.window.activeTextEditor?.document.uri),
  );
  const opened = new OpenedPlaces(context.workspaceState);
  const runs = new Runs(opened);
  const cliFile = context.asAbsolutePath("dist/cli.mjs");
  const cli = new Cli(cliFile);
  const importer = new TrainerRuns(cli);
  const trlPackage = new TrlPackage(context.asAbsolutePath("python"));
  const trlSetUp = new TrlSetUp(context, trlPackage, log);
  const trl = new TrlEngine(trlPackage, {
    pythonSetting: () => readEngineSettings().trlPython,
    environment: () => trlSetUp.environment(),
  });
  ray = new RayEngine(context, trlPackage.source, log);
  const engines = new Engines([
    new EmbeddedEngine(cliFile, () => cuda.folder()),
    trl,
    ray,
  ]);
  const launcher = new Launcher(engines, runs, opened);
  const launchPanels = new LaunchPanels(registrar(failures), models, {
    extensionUri: context.extensionUri,
    failures,
    facts: new RunFacts(new RunEstimate(engine, () => runs.all())),
    surroundings: () =>
      new Surroundings(
        engines.all,
        engine!,
        models.pocketPath,
        vscode.Uri.joinPath(context.globalStorageUri, DOWNLOADS).fsPath,
      ),
  });
  const comparisons = new Comparisons(
    new ComparisonFiles(
      vscode.Uri.joinPath(context.globalStorageUri, "comparisons").fsPath,
    ),
    runs,
    engines,
    launcher,
    (line) => log.warn(line),
  );
  const training = new TrainingView(context.extensionUri, runs);
  const dashboard = new DashboardPanel(
    context.extensionUri,
    runs,
    context.workspaceState,
    (error) => void failures.show(error, true),
  );
  const recordCommands = new RecordCommands(files, records, problems);
  const rollouts = new RolloutCommands({
    context,
    engine,
    failures,
    annotations,
    annotator,
    models,
    runs,
    files,
    documents: records,
    records: recordCommands,
    adapters: new CheckpointAdapters(cli),
  });
  const modelComparisons = new ModelComparisons(annotations);
  const everything = { scheme: "*" };
  const lens = new ParagraphLens(annotations);
  context.subscriptions.push(
    log,
    engine,
    records,
    problems,
    { dispose: () => void files.dispose() },
    annotations,
    annotator,
    modelComparisons,
    new Painter(annotations, modelComparisons),
    new ComparisonPainter(modelComparisons, annotations),
    new ComparisonView(modelComparisons, annotations, followed),
    vscode.languages.registerHoverProvider(
      everything,
      new ComparisonHover(modelComparisons, annotations),
    ),
    followed,
    forks,
    new StatisticsView(context.extensionUri, annotations, followed),
    status,
    new ScoringProgress(annotator, engine),
    new ContextKeys(annotations, annotator),
    new OpenDocuments(
      annotations,
      annotator,
      context.workspaceState,
      (document) => rollouts.recorded.show(document, false),
    ),
    rollouts,
    lens,
    vscode.languages.registerHoverProvider(
      everything,
      new TokenHover(annotations),
    ),
    vscode.languages.registerCodeLensProvider(everything, lens),
    vscode.languages.registerCodeLensProvider(
      { scheme: "file", pattern: "**/*.{jsonl,ndjson}" },
      new RecordLens(),
    ),
    annotator.onFailure(({ error, asked }) => void failures.show(error, asked)),
    annotations.onDidChange(({ what }) => {
      if (what === "scored") failures.recovered();
    }),
    registerRemedies(() => annotator.refresh()),
    opened,
    runs,
    launchPanels,
    comparisons,
    comparisons.onDidLaunch((folder) => dashboard.join(folder)),
    new RunsView(runs, opened, comparisons),
    new RunNotices(runs, (folder) => dashboard.isShown(folder)),
    vscode.tasks.registerTaskProvider("forksight", new TrainTasks(cliFile)),
    registerRunFileLanguage(),
    training,
    dashboard,
    registrar(failures)(
      "openDashboard",
      async (run?: unknown, selected?: unknown) => {
        const [first] = await dashboard.open(run, selected);
        if (first !== undefined) training.select(first);
      },
    ),
    ...registerRunCommands(registrar(failures), {
      runs,
      opened,
      engines,
      launcher,
      comparisons,
      importers: [importer],
    }),
    ...registerExchangeCommands(registrar(failures), {
      cli,
      importer,
      runs,
      opened,
    }),
    ...registerEngineCommands(registrar(failures), {
      trl,
      setUp: trlSetUp,
      ray,
    }),
    ...registerCompareCommands(registrar(failures), {
      models,
      runs,
      runModels: rollouts.runModels,
      annotator,
      annotations,
      scoring,
      comparisons: modelComparisons,
    }),
    ...registerRolloutCommands(registrar(failures), rollouts),
    ...registerCommands({
      context,
      log,
      engine,
      failures,
      models,
      cuda,
      scoring,
      annotations,
      annotator,
      forks,
      status,
      records: recordCommands,
      rollouts,
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(`${SECTION}.cut`))
        annotations.recut((uri) => readSettings(uri).cut);
      if (SCORED_BY.some((name) => change.affectsConfiguration(name)))
        void annotator.refresh();
    }),
  );
}

/** VS Code waits for the engine process to end, and for the folders of followed runs to be given back. */
export async function deactivate(): Promise<void> {
  await Promise.all([engine?.close(), ray?.close()]);
  engine = undefined;
  ray = undefined;
}
