// Writes schemas/run.schema.json, the published JSON schema of run files, from core/run/settings.ts, and the copy of it that
// the Python package brings. A unit test fails where the file is not current, a Python test where the copy is another.
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { format } from "prettier";

const { outputFiles } = await build({
  stdin: {
    contents: 'export { runJsonSchema } from "./core/run/jsonSchema.ts";',
    resolveDir: fileURLToPath(new URL("..", import.meta.url)),
  },
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
});
const code = Buffer.from(outputFiles[0].contents).toString("base64");
const { runJsonSchema } = await import(`data:text/javascript;base64,${code}`);
const text = await format(JSON.stringify(runJsonSchema()), { parser: "json" });
for (const file of [
  "schemas/run.schema.json",
  "python/src/forksight_trl/run.schema.json",
])
  writeFileSync(new URL(`../${file}`, import.meta.url), text);
