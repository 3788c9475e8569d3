/** Turns what another trainer wrote (TensorBoard event files, trainer_state.json) into a run folder. */
export interface RunImporter {
  /** What it reads, for a list: `TensorBoard event files`. */
  readonly label: string;
  /** Whether a folder holds something of the kind. Never throws, and looks no deeper than it must. */
  accepts(folder: string): Promise<boolean>;
  /**
   * Writes run folders into `place`, which is there.
   * @returns their absolute paths
   * @throws Error that says what cannot be read
   */
  import(folder: string, place: string): Promise<readonly string[]>;
}
