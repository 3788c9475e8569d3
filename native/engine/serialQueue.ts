/** Runs tasks one after the other, in the order in which they came: one scorer serves all. */
export class SerialQueue {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.last.then(task);
    // A task that failed is its own caller's business, and holds up nobody.
    this.last = result.catch(() => undefined);
    return result;
  }
}
