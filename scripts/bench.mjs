// Runs every test/bench/*.bench.ts and prints one table. `npm run bench -- scorer` runs those whose name has "scorer" in it.
//
// Figures are ratios of measurements taken in turn in one run, so they hold on a machine that does other things too;
// the command does not fail where a goal is missed, it says so.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "test", "bench");
const output = join(root, "dist", "bench");

if (!existsSync(join(root, "node_modules", "esbuild"))) {
  console.error("bench: the packages are not installed: run `npm ci` first.");
  process.exit(1);
}
const native = spawnSync(
  process.execPath,
  [join(root, "scripts", "build-native.mjs")],
  { stdio: "inherit" },
);
if (native.status !== 0) process.exit(1);

const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".bench.ts"))
  .filter(
    (name) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  )
  .sort();
if (files.length === 0) {
  console.error(`bench: no file in test/bench matches ${wanted.join(" ")}.`);
  process.exit(2);
}

const { build } = await import("esbuild");
mkdirSync(output, { recursive: true });
await build({
  entryPoints: files.map((name) => join(folder, name)),
  outdir: output,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  logLevel: "warning",
  packages: "external",
});

const rows = [];
for (const file of files) {
  const module = await import(
    pathToFileURL(join(output, file.replace(/\.ts$/, ".mjs"))).href
  );
  console.log(`bench: ${module.default.name}`);
  rows.push(...(await module.default.run((line) => console.log(`  ${line}`))));
}

const cells = [
  ["what", "measured", "goal", ""],
  ...rows.map((row) => [
    row.what,
    row.measured,
    row.goal,
    row.met ? "met" : "MISSED",
  ]),
];
const widths = cells[0].map((_, column) =>
  Math.max(...cells.map((row) => row[column].length)),
);
console.log();
for (const row of cells) {
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
}
