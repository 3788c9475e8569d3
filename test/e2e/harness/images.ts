import { copyFileSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../../../scripts/steps.mjs";

/** Copies a picture to the documentation's where they are to be renewed: `npm test -- --only e2e --images`. */
export function saveImage(path: string): void {
  if (process.env["FORKSIGHT_IMAGES"] === undefined) return;
  const images = join(root, "docs", "images");
  mkdirSync(images, { recursive: true });
  copyFileSync(path, join(images, basename(path)));
}
