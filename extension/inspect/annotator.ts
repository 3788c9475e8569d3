import * as vscode from "vscode";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import { isAbort } from "../../native/client/engineError";
import { readSettings } from "../configuration";
import { RECORD_SCHEME } from "../records/recordUri";
import {
  type Annotations,
  type Extent,
  afterEdits,
  editsOf,
} from "./annotations";
import { LiveTrace, type TextEdit } from "./liveTrace";
import type { Score, ScoreRequest, Scoring } from "./scoring";
import {
  type RecordContent,
  type Target,
  colouredPart,
  recordTarget,
  selectionTarget,
  wholeTarget,
} from "./target";

/** One run of the model over a document, as whoever shows its progress sees it. */
export interface ScoringRun {
  readonly uri: vscode.Uri;
  /** Whether the user asked for it, or an edit did. */
  readonly asked: boolean;
  readonly done: number;
  /** tokens; 0 while that is not known */
  readonly total: number;
  cancel(): void;
}

interface Run {
  readonly abort: AbortController;
  readonly target: Target;
  readonly asked: boolean;
  /** Edits of the document since the text was sent. */
  readonly edits: TextEdit[];
  done: number;
  total: number;
}

/** A model, perhaps with an adapter, that scores instead of the one in force. */
export interface Scorer {
  /** Absolute path of a GGUF file. */
  readonly modelPath: string;
  /** Absolute path of a LoRA adapter. */
  readonly adapterPath?: string;
}

/** How an annotation came to be asked for. */
export interface AnnotateOptions {
  /** UTF-16 offsets of the part to colour; all of it where absent. */
  readonly selection?: OffsetRange | undefined;
  /** By a command; failures are then shown each time. */
  readonly asked: boolean;
  /** Show what the cache holds, and start no model. */
  readonly cacheOnly?: boolean;
  /** Scores this document until it is annotated anew; absent: the model in force. */
  readonly scorer?: Scorer | undefined;
}

/**
 * Has documents scored, puts the results in place, and has them scored again after edits: debounced, the previous run
 * cancelled. A result for a text that changed meanwhile is moved along with the edits.
 */
export class Annotator implements vscode.Disposable {
  private readonly runs = new Map<string, Run>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  /** Scores of edited texts that the cache gets once the document is saved: not one for each pause in typing. */
  private readonly unkept = new Map<string, Score>();
  /** Documents with a scorer of their own. */
  private readonly scorers = new Map<string, Scorer>();
  private readonly runsChanged = new vscode.EventEmitter<vscode.Uri>();
  private readonly failed = new vscode.EventEmitter<{
    readonly uri: vscode.Uri;
    readonly error: unknown;
    readonly asked: boolean;
  }>();
  private readonly subscriptions: vscode.Disposable[];

  /** Fires when a run starts, gets on or ends. */
  readonly onRun = this.runsChanged.event;
  readonly onFailure = this.failed.event;

  constructor(
    private readonly annotations: Annotations,
    private readonly scoring: Scoring,
    /** The record behind a virtual document; undefined for any other document. */
    private readonly recordOf: (uri: vscode.Uri) => RecordContent | undefined,
    /** The model in force for a document. */
    private readonly modelPathOf: (uri: vscode.Uri) => string,
  ) {
    this.subscriptions = [
      this.runsChanged,
      this.failed,
      vscode.workspace.onDidChangeTextDocument((event) => this.onEdit(event)),
      vscode.workspace.onDidSaveTextDocument(({ uri }) => this.keep(uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.onClose(uri)),
    ];
  }

  /** The run over a document, if there is one. */
  runOf(uri: vscode.Uri): ScoringRun | undefined {
    const run = this.runs.get(uri.toString());
    return (
      run && {
        uri,
        asked: run.asked,
        done: run.done,
        total: run.total,
        cancel: () => run.abort.abort(),
      }
    );
  }

  /** Whether any document is being scored. */
  get isBusy(): boolean {
    return this.runs.size > 0;
  }

  /**
   * Scores a document and puts the result in place. Resolves when that is done or has failed; never rejects.
   * @returns whether the annotation stands
   */
  async annotate(
    document: vscode.TextDocument,
    options: AnnotateOptions,
  ): Promise<boolean> {
    const { uri } = document;
    const key = uri.toString();
    this.stop(uri);
    const target = this.targetOf(document, options.selection);
    if (target === undefined || target.text === "") {
      this.annotations.clear(uri);
      if (options.asked) this.failed.fire({ uri, error: NOTHING, asked: true });
      return false;
    }
    const run: Run = {
      abort: new AbortController(),
      target,
      asked: options.asked,
      edits: [],
      done: 0,
      total: 0,
    };
    if (options.scorer === undefined) this.scorers.delete(key);
    else this.scorers.set(key, options.scorer);
    this.runs.set(key, run);
    this.runsChanged.fire(uri);
    try {
      const score = await this.scoreOf(uri, run, options.cacheOnly === true);
      if (score === undefined || this.runs.get(key) !== run) return false;
      this.placeScore(uri, run, score);
      return true;
    } catch (error) {
      if (!isAbort(error) && this.runs.get(key) === run)
        this.failed.fire({ uri, error, asked: options.asked });
      return false;
    } finally {
      if (this.runs.get(key) === run) {
        this.runs.delete(key);
        this.runsChanged.fire(uri);
        if (run.edits.length > 0) this.schedule(document);
      }
    }
  }

  /** Puts a trace in place that was not scored here, such as a recorded one. It stays until something else is asked for. */
  place(uri: vscode.Uri, extent: Extent, trace: LiveTrace): void {
    this.stop(uri);
    this.scorers.delete(uri.toString());
    this.annotations.put(uri, extent, trace);
  }

  /** Cancels a document's run and what is scheduled for it. */
  stop(uri: vscode.Uri): void {
    const key = uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    const run = this.runs.get(key);
    if (run !== undefined) {
      this.runs.delete(key);
      run.abort.abort();
      this.runsChanged.fire(uri);
    }
  }

  /** Cancels, and makes the document bare. */
  clear(uri: vscode.Uri): void {
    this.stop(uri);
    this.unkept.delete(uri.toString());
    this.scorers.delete(uri.toString());
    this.annotations.clear(uri);
  }

  /** Scores again whatever is annotated and shown: another model or another setting is in force. What was recorded stays. */
  async refresh(): Promise<void> {
    for (const { document } of vscode.window.visibleTextEditors) {
      if (this.annotations.of(document.uri)) await this.again(document, true);
    }
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const run of this.runs.values()) run.abort.abort();
    for (const one of this.subscriptions) one.dispose();
  }

  /** What of a document is scored; undefined where there is nothing. */
  targetOf(
    document: vscode.TextDocument,
    selection?: OffsetRange,
  ): Target | undefined {
    const record = this.recordOf(document.uri);
    if (record !== undefined) return recordTarget(record, selection);
    // The page that says why a record cannot be read is no trace.
    if (document.uri.scheme === RECORD_SCHEME) return undefined;
    const text = document.getText();
    return selection ? selectionTarget(text, selection) : wholeTarget(text);
  }

  private async scoreOf(
    uri: vscode.Uri,
    run: Run,
    cacheOnly: boolean,
  ): Promise<Score | undefined> {
    const request = this.requestOf(uri, run.target);
    if (cacheOnly) return this.scoring.cached(request);
    return this.scoring.score(request, run.abort.signal, ({ done, total }) => {
      run.done = done;
      run.total = total;
      this.runsChanged.fire(uri);
    });
  }

  /** What is asked of the model for a target, by the settings of its document. */
  requestOf(
    uri: vscode.Uri,
    target: Target,
    scorer = this.scorers.get(uri.toString()),
  ): ScoreRequest {
    const settings = readSettings(uri);
    const { temperature, topK, precision, contextSize, adapterPath } = settings;
    const inForce = {
      modelPath: this.modelPathOf(uri),
      ...(adapterPath !== "" && { adapterPath }),
    };
    return {
      ...(scorer ?? inForce),
      conditioning: target.conditioning,
      text: target.text,
      temperature,
      topK,
      precision,
      contextSize,
    };
  }

  private placeScore(uri: vscode.Uri, run: Run, score: Score): void {
    const { target } = run;
    const { cut } = readSettings(uri);
    const scored = LiveTrace.of(
      colouredPart(target, score.trace),
      target.regionStart,
      cut,
    );
    const live = afterEdits(scored, run.edits, target.extent);
    const isFirst = this.annotations.of(uri) === undefined;
    this.annotations.put(uri, target.extent, live);
    if (run.asked || isFirst) void this.scoring.keep(score);
    else this.unkept.set(uri.toString(), score);
  }

  private onEdit(event: vscode.TextDocumentChangeEvent): void {
    if (event.contentChanges.length === 0) return;
    const { document } = event;
    const key = document.uri.toString();
    this.unkept.delete(key);
    const run = this.runs.get(key);
    run?.edits.push(...editsOf(event));
    if (run || this.annotations.of(document.uri)) this.schedule(document);
  }

  private schedule(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    const { reannotateDelay } = readSettings(document.uri);
    clearTimeout(this.timers.get(key));
    if (reannotateDelay < 0) return;
    const timer = setTimeout(() => {
      this.timers.delete(key);
      void this.again(document, false);
    }, reannotateDelay);
    this.timers.set(key, timer);
  }

  /** Scores a document again as it was annotated: all of it, or the part that its region has become. */
  private async again(
    document: vscode.TextDocument,
    asked: boolean,
  ): Promise<void> {
    const known = this.annotations.of(document.uri);
    const extent: Extent | undefined =
      known?.extent ?? this.runs.get(document.uri.toString())?.target.extent;
    if (extent === undefined || document.isClosed) return;
    if (known?.live?.trace.recorded) return;
    const scorer = this.scorers.get(document.uri.toString());
    if (extent !== "selection") {
      await this.annotate(document, { asked, scorer });
    } else if (known?.live !== undefined) {
      const selection = known.live.region;
      await this.annotate(document, { asked, scorer, selection });
    }
    // A selection without a score is still being scored; its run ends by scheduling this once more.
  }

  private keep(uri: vscode.Uri): void {
    const score = this.unkept.get(uri.toString());
    if (score !== undefined && this.annotations.of(uri)?.live?.isFresh) {
      this.unkept.delete(uri.toString());
      void this.scoring.keep(score);
    }
  }

  private onClose(uri: vscode.Uri): void {
    this.stop(uri);
    this.unkept.delete(uri.toString());
  }
}

/** The error of a document without text. */
const NOTHING = new Error(
  "There is nothing to annotate: the document, or the selected part of its response, is empty.",
);
