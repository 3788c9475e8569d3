/** The training problems in the order in which a run takes them: each epoch shuffled anew. */
import { deriveSeed, shuffled, uniform } from "../../core/rl/seed";
import type { Problem } from "../../core/tasks/problem";

export class ProblemStream {
  private epoch = -1;
  private order: Uint32Array = new Uint32Array(0);

  /** @param problems at least one */
  constructor(
    private readonly problems: readonly Problem[],
    private readonly seed: number,
  ) {}

  /** Problems number `cursor` to `cursor + count` of the run; follows from the seed alone. */
  take(cursor: number, count: number): Problem[] {
    return Array.from({ length: count }, (_, i) => this.at(cursor + i));
  }

  private at(place: number): Problem {
    const n = this.problems.length;
    const epoch = Math.floor(place / n);
    if (epoch !== this.epoch) {
      const random = uniform(deriveSeed(this.seed, 0, "order", epoch));
      this.order = shuffled(n, random);
      this.epoch = epoch;
    }
    return this.problems[this.order[place % n]!]!;
  }
}
