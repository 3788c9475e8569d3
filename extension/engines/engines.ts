import type { TrainingEngine } from "./trainingEngine";

/** The engines of this window, in the order in which they are offered. */
export class Engines {
  constructor(readonly all: readonly TrainingEngine[]) {}

  /** @param id as a run file or run.json names it; undefined for an engine that is not here */
  get(id: string): TrainingEngine | undefined {
    return this.all.find((engine) => engine.id === id);
  }
}
