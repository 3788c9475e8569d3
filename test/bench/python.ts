/** The Python that a comparison with PyTorch or TRL runs in. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What tells that there is none. */
export const NO_PYTHON =
  "run `npm test -- --only python` first, or name one in FORKSIGHT_PYTHON";

/** Importing them would take as long as a step. */
const PROBE = `
import importlib.util, sys
sys.exit(not all(importlib.util.find_spec(name) for name in sys.argv[1:]))`;

/**
 * A Python that has these modules: FORKSIGHT_PYTHON, the environment that `npm test` made, or python3.
 * @returns undefined where none has
 */
export function pythonWith(...modules: readonly string[]): string | undefined {
  const candidates = [
    process.env["FORKSIGHT_PYTHON"],
    fileURLToPath(new URL("../../python/.venv/bin/python", import.meta.url)),
    "python3",
  ];
  return candidates.find(
    (python) =>
      python !== undefined &&
      spawnSync(python, ["-c", PROBE, ...modules], { stdio: "ignore" })
        .status === 0,
  );
}
