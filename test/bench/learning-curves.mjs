// Draws held-out accuracy and training reward of several runs as one SVG, and prints a table for RESULTS.md.
//
//   node test/bench/learning-curves.mjs OUT.svg SET LABEL=FOLDER [LABEL=FOLDER ...]
//
// SET is the held-out set's name; runs whose labels share the part before a slash ("top/1", "top/2") share a colour.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [out, set, ...pairs] = process.argv.slice(2);
if (!out || !set || pairs.length === 0) {
  console.error(
    "usage: node test/bench/learning-curves.mjs OUT.svg SET LABEL=FOLDER ...",
  );
  process.exit(2);
}

/** Distinct to colour-blind readers (Okabe and Ito), with a dash each. */
const STYLES = [
  ["#0072b2", ""],
  ["#d55e00", "7 4"],
  ["#009e73", "2 3"],
  ["#cc79a7", "9 3 2 3"],
  ["#56b4e9", "4 2"],
];

const runs = pairs.map((pair) => {
  const at = pair.indexOf("=");
  const [label, folder] = [pair.slice(0, at), pair.slice(at + 1)];
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const column = (name) =>
    lines
      .filter((line) => typeof line[name] === "number")
      .map((line) => [line.step, line[name]]);
  const accuracy = column(`eval/${set}/accuracy`);
  const steps = lines.filter((line) => line.step > 0);
  return {
    label,
    group: label.split("/")[0],
    accuracy,
    reward: smoothed(column("reward")),
    first: accuracy[0]?.[1],
    last: accuracy.at(-1)?.[1],
    best: Math.max(...accuracy.map(([, value]) => value)),
    steps: steps.length,
    minutes: steps.reduce((sum, line) => sum + line.step_time, 0) / 60,
    entropy: [steps[0]?.entropy, steps.at(-1)?.entropy],
    length: [
      steps[0]?.["completions/mean_length"],
      steps.at(-1)?.["completions/mean_length"],
    ],
    overlap: column("compare/overlap").at(-1)?.[1],
  };
});

/** Mean over a window of 5 steps around each. */
function smoothed(points) {
  return points.map(([step], i) => {
    const near = points.slice(Math.max(0, i - 2), i + 3);
    return [
      step,
      near.reduce((sum, [, value]) => sum + value, 0) / near.length,
    ];
  });
}

const percent = (value) =>
  value === undefined ? "-" : `${(100 * value).toFixed(1)} %`;
const pair = ([a, b], digits) =>
  `${a?.toFixed(digits) ?? "-"} -> ${b?.toFixed(digits) ?? "-"}`;
console.log(
  "| run | steps | base | final | change, points | best | entropy, nats | length, tokens | overlap with the base's forks | minutes of steps |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|");
for (const run of runs) {
  const change = (100 * (run.last - run.first)).toFixed(1);
  console.log(
    `| ${run.label} | ${run.steps} | ${percent(run.first)} | ${percent(run.last)} | ${change} | ${percent(run.best)} | ${pair(run.entropy, 3)} | ${pair(run.length, 0)} | ${percent(run.overlap)} | ${run.minutes.toFixed(1)} |`,
  );
}

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [360, 240, 50, 30, 70];
const groups = [...new Set(runs.map(({ group }) => group))];
const lastStep = Math.max(
  1,
  ...runs.flatMap(({ accuracy, reward }) =>
    [...accuracy, ...reward].map(([step]) => step),
  ),
);
const escape = (text) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function chart(title, left, series) {
  const top = Math.max(
    0.1,
    ...runs.flatMap((run) => series(run).map(([, value]) => value)),
  );
  const ceiling = Math.min(1, Math.ceil(top * 10) / 10);
  const x = (step) => left + (step / lastStep) * WIDTH;
  const y = (value) => TOP + HEIGHT - (value / ceiling) * HEIGHT;
  const parts = [
    `<text x="${left}" y="${TOP - 12}" font-weight="bold">${escape(title)}</text>`,
  ];
  for (let i = 0; i <= 4; i++) {
    const value = (ceiling * i) / 4;
    parts.push(
      `<line x1="${left}" x2="${left + WIDTH}" y1="${y(value)}" y2="${y(value)}" stroke="#ccc"/>`,
      `<text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${(100 * value).toFixed(0)} %</text>`,
    );
  }
  parts.push(
    `<text x="${left}" y="${TOP + HEIGHT + 18}">0</text>`,
    `<text x="${left + WIDTH}" y="${TOP + HEIGHT + 18}" text-anchor="end">step ${lastStep}</text>`,
  );
  for (const run of runs) {
    const [colour, dash] = STYLES[groups.indexOf(run.group) % STYLES.length];
    const points = series(run)
      .map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`)
      .join(" ");
    parts.push(
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-dasharray="${dash}"><title>${escape(run.label)}</title></polyline>`,
    );
  }
  return parts.join("\n");
}

const legend = groups
  .map((group, i) => {
    const [colour, dash] = STYLES[i % STYLES.length];
    const at = LEFT + i * 150;
    const y = TOP + HEIGHT + 40;
    return `<line x1="${at}" x2="${at + 30}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${at + 36}" y="${y + 4}">${escape(group)}</text>`;
  })
  .join("\n");
const width = LEFT + 2 * WIDTH + GAP + 20;
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${TOP + HEIGHT + 60}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${chart(`held-out accuracy (${set})`, LEFT, ({ accuracy }) => accuracy)}
${chart("training reward, mean of 5 steps", LEFT + WIDTH + GAP, ({ reward }) => reward)}
${legend}
</svg>
`,
);
