// @ts-check
// npm run test:ray: the engine "Ray cluster" on a real Ray. Makes a Python with Ray and TRL (python/.venv-ray) for a head of
// this machine, unless FORKSIGHT_RAY_PYTHON names one or FORKSIGHT_RAY_ADDRESS a cluster that runs. Takes 10 minutes.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pythonEnvironment } from "./python.mjs";
import { setUp } from "./setup.mjs";
import { failWith, root } from "./steps.mjs";

async function main() {
  await setUp();
  const found = process.env.FORKSIGHT_RAY_ADDRESS
    ? { python: "" }
    : pythonEnvironment("ray");
  if ("obstacle" in found) {
    console.log(`The tests with a real Ray are skipped: ${found.obstacle}`);
    return;
  }
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      ...["run", "--project", "integration"],
      "test/integration/engines/ray.test.ts",
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, FORKSIGHT_RAY_PYTHON: found.python },
    },
  );
  process.exitCode = status ?? 1;
}

await main().catch(failWith);
