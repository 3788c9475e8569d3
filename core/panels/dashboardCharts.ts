/** Which charts a dashboard has, and what each draws: names of metrics.jsonl (core/run/folder.ts). */
import { elementName, isElementName } from "../run/metricsColumns";

/** One quantity of a chart. */
export interface ChartSeries {
  /** Name of the column. */
  readonly metric: string;
  /** Short, beside the run's name. */
  readonly label: string;
}

/** How the numbers of a chart are written. */
export type NumberFormat = "plain" | "share" | "seconds" | "count";

export interface ChartSpec {
  /** Stable: states are kept under it. */
  readonly id: string;
  readonly title: string;
  /** Behind the title; empty where the title says it. */
  readonly unit: string;
  /** What it is, for a tooltip. */
  readonly help: string;
  /** lines; stack: areas on each other, of one run; fan: percentiles of one run; bins: by bin of base entropy at one step. */
  readonly kind: "lines" | "stack" | "fan" | "bins";
  readonly format: NumberFormat;
  readonly series: readonly ChartSeries[];
  /** Measured now and then, or exact: neither smoothed nor without points. */
  readonly isExact?: boolean;
}

/** Percentiles 0, 5, ..., 100 of `entropy/percentiles`. */
export const PERCENTILES: readonly string[] = Array.from(
  { length: 21 },
  (_, i) => elementName("entropy/percentiles", i),
);

/** The 5 % bins of `compare/entropy_change`, lowest base entropy first. */
export const ENTROPY_BINS: readonly string[] = Array.from(
  { length: 20 },
  (_, i) => elementName("compare/entropy_change", i),
);

const one = (metric: string, label = metric): ChartSeries => ({
  metric,
  label,
});

const KNOWN: readonly ChartSpec[] = [
  {
    id: "reward",
    title: "Reward",
    unit: "",
    help: "Mean reward of the step's rollouts; the mean deviation within a group; the share of groups whose rewards are all equal and carry no gradient.",
    kind: "lines",
    format: "plain",
    series: [
      one("reward", "mean"),
      one("reward_std", "deviation"),
      one("frac_reward_zero_std", "no signal"),
    ],
  },
  {
    id: "accuracy",
    title: "Held-out accuracy",
    unit: "",
    help: "Share of held-out problems solved, by set.",
    kind: "lines",
    format: "share",
    series: [],
    isExact: true,
  },
  {
    id: "entropy",
    title: "Entropy",
    unit: "nats",
    help: "Mean token entropy of the rollouts: of all tokens, of those at or above the threshold (forking), of the rest.",
    kind: "lines",
    format: "plain",
    series: [
      one("entropy", "all"),
      one("entropy/forking", "forking"),
      one("entropy/rest", "rest"),
    ],
  },
  {
    id: "percentiles",
    title: "Entropy percentiles",
    unit: "nats",
    help: "How token entropies are spread at each step: percentiles 0 to 100 as bands around the median.",
    kind: "fan",
    format: "plain",
    series: PERCENTILES.map((metric, i) => one(metric, `${5 * i} %`)),
  },
  {
    id: "length",
    title: "Response length",
    unit: "tokens",
    help: "Mean length of the completions.",
    kind: "lines",
    format: "count",
    series: [one("completions/mean_length", "mean")],
  },
  {
    id: "clipped",
    title: "Share cut off",
    unit: "",
    help: "Share of completions that reached the maximum length without ending.",
    kind: "lines",
    format: "share",
    series: [one("completions/clipped_ratio", "cut off")],
  },
  {
    id: "threshold",
    title: "Entropy threshold",
    unit: "nats",
    help: "Entropy at or above which a token carried the gradient.",
    kind: "lines",
    format: "plain",
    series: [one("entropy_mask/threshold", "threshold")],
  },
  {
    id: "overlap",
    title: "Overlap with the base model",
    unit: "",
    help: "Share of the base model's forking positions that are still forking, on the same texts.",
    kind: "lines",
    format: "share",
    series: [one("compare/overlap", "overlap")],
    isExact: true,
  },
  {
    id: "change",
    title: "Change of entropy by bin",
    unit: "nats",
    help: "Mean change of a token's entropy against the base model, by percentile of its base entropy.",
    kind: "bins",
    format: "plain",
    series: ENTROPY_BINS.map((metric, i) =>
      one(metric, `${5 * i} to ${5 * i + 5} %`),
    ),
    isExact: true,
  },
  {
    id: "loss",
    title: "Loss",
    unit: "",
    help: "The objective that was minimised.",
    kind: "lines",
    format: "plain",
    series: [one("loss")],
  },
  {
    id: "kl",
    title: "KL to the base model",
    unit: "nats",
    help: "Divergence from the base model, where the loss has that term.",
    kind: "lines",
    format: "plain",
    series: [one("kl")],
  },
  {
    id: "clip",
    title: "Clip ratio",
    unit: "",
    help: "Share of tokens whose ratio was clipped from below and from above.",
    kind: "lines",
    format: "share",
    series: [
      one("clip_ratio/high_mean", "high"),
      one("clip_ratio/low_mean", "low"),
    ],
  },
  {
    id: "gradient",
    title: "Gradient norm",
    unit: "",
    help: "Before clipping.",
    kind: "lines",
    format: "plain",
    series: [one("grad_norm", "norm")],
  },
  {
    id: "rate",
    title: "Learning rate",
    unit: "",
    help: "Of the step's update.",
    kind: "lines",
    format: "plain",
    series: [one("learning_rate", "rate")],
    isExact: true,
  },
  {
    id: "time",
    title: "Time per step",
    unit: "s",
    help: "Seconds of a step, by part.",
    kind: "stack",
    format: "seconds",
    series: [
      one("step_time/rollout", "rollout"),
      one("step_time/score", "score"),
      one("step_time/update", "update"),
    ],
  },
  {
    id: "speed",
    title: "Tokens per second",
    unit: "",
    help: "Tokens of prompts and completions over the whole step.",
    kind: "lines",
    format: "count",
    series: [one("tokens_per_second", "tokens/s")],
  },
];

/** Columns that are no chart: the axis, and what the header tells. */
const NOT_CHARTED = new Set(["step", "time"]);

const ACCURACY = /^eval\/(.+)\/accuracy$/;

export interface Charts {
  /** The known ones for which there are data, in their order. */
  readonly known: readonly ChartSpec[];
  /** One for each other metric: a run from elsewhere has other names. */
  readonly other: readonly ChartSpec[];
}

/** The charts for the columns that some runs have. */
export function chartsFor(names: Iterable<string>): Charts {
  const present = new Set(names);
  const sets = [...present].filter((name) => ACCURACY.test(name)).sort();
  const specs = KNOWN.map((spec) =>
    spec.id === "accuracy"
      ? {
          ...spec,
          series: sets.map((name) => one(name, ACCURACY.exec(name)![1])),
        }
      : { ...spec, series: spec.series.filter((s) => present.has(s.metric)) },
  );
  const charted = new Set(
    specs.flatMap(({ series }) => series.map(({ metric }) => metric)),
  );
  const other = [...present]
    .filter(
      (name) =>
        !charted.has(name) && !NOT_CHARTED.has(name) && !isElementName(name),
    )
    .sort()
    .map((name): ChartSpec => ({
      id: `other:${name}`,
      title: name,
      unit: "",
      help: name,
      kind: "lines",
      format: "plain",
      series: [one(name)],
      isExact: name.startsWith("eval"),
    }));
  return { known: specs.filter(({ series }) => series.length > 0), other };
}

/** A number as charts write it. */
export function formatted(value: number, format: NumberFormat): string {
  if (!Number.isFinite(value)) return "\u2013";
  switch (format) {
    case "share":
      return `${(100 * value).toFixed(1)} %`;
    case "seconds":
      return `${value.toFixed(value < 10 ? 2 : 1)} s`;
    case "count":
      return Math.round(value).toLocaleString("en");
    case "plain":
      return plain(value);
  }
}

/**
 * A number on an axis, short, with as many digits as tell it from its neighbour.
 * @param next the value of the neighbouring tick
 */
export function tickText(
  value: number,
  format: NumberFormat,
  next = 0,
): string {
  const size = Math.abs(value);
  const gap = Math.abs(next - value) || size || 1;
  const to = (unit: number) => {
    const digits = -Math.floor(Math.log10(gap / unit));
    return Number((value / unit).toFixed(Math.max(0, Math.min(12, digits))));
  };
  if (format === "share") return `${to(0.01)} %`;
  if (size >= 1e6) return `${to(1e6)}M`;
  if (size >= 1e4) return `${to(1e3)}k`;
  if (size === 0 || size >= 1e-3) return String(to(1));
  const digits = Math.floor(Math.log10(size)) - Math.floor(Math.log10(gap));
  const exact = value.toExponential(Math.max(0, Math.min(12, digits)));
  return Number(exact).toExponential();
}

function plain(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return size >= 1000
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(4)));
}
