import path from "node:path";
import type { ModelDescription } from "../../core/engine/protocol";

/** What a quick pick shows of one model file, apart from how VS Code shows it. */
export interface ModelLines {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
}

/** A file that has been found but not yet looked into. */
export function pendingLines(file: string, source: string): ModelLines {
  return {
    label: fileName(file),
    description: source,
    detail: file,
  };
}

/** A described model: architecture, size, quantisation, context, and whether it fits. */
export function modelLines(model: ModelDescription, source: string): ModelLines {
  const facts = [
    model.architecture,
    `${count(model.parameters)} parameters`,
    model.quantization,
    bytes(model.sizeBytes),
    `context ${model.trainedContext.toLocaleString("en")}`,
  ];
  const verdict =
    model.unsupported !== undefined
      ? `$(circle-slash) ${codiconless(model.unsupported)}`
      : `${model.fit.fits ? "$(pass)" : "$(warning)"} ${codiconless(model.fit.explanation)}`;
  return {
    label: codiconless(model.name),
    description: facts.join(" · "),
    detail: `${verdict} · ${source} · ${codiconless(fileName(model.path))}`,
  };
}

/** A file that cannot be read as a model. */
export function brokenLines(
  file: string,
  source: string,
  message: string,
): ModelLines {
  return {
    label: `$(error) ${codiconless(fileName(file))}`,
    description: source,
    detail: codiconless(message),
  };
}

/** `1.5 GB`, decimal as file managers show it. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]!}`;
}

/** `595 M`, `7.6 B`: a number of parameters. */
export function count(value: number): string {
  const units = ["", " k", " M", " B", " T"];
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${rest < 10 && unit > 0 ? rest.toFixed(1) : rest.toFixed(0)}${units[unit]!}`;
}

/** Text from a file's metadata must not draw icons. */
function codiconless(text: string): string {
  return text.replaceAll("$(", "$ (");
}

function fileName(file: string): string {
  return codiconless(path.basename(file));
}
