import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What works only where the window and the extension host share a machine. */
const LOCAL_ONLY =
  /\b(WAYLAND_)?DISPLAY\b|xdg-open|\belectron\b(?!_)|file:\/\/|openExternal\(\s*vscode\.Uri\.file|127\.0\.0\.1|shell\.openPath/;

/**
 * With Remote-SSH the extension host runs on the GPU machine and the window elsewhere. The end-to-end tests are such a
 * pair (a server without a display, a browser); this holds what they do not reach.
 */
describe("the extension on a remote machine", () => {
  it("runs where the workspace is", () => {
    const manifest = JSON.parse(
      readFileSync(join(ROOT, "package.json"), "utf8"),
    ) as { extensionKind: string[] };
    expect(manifest.extensionKind).toEqual(["workspace"]);
  });

  it.each(["extension", "native/client", "native/trainer", "webview"])(
    "%s assumes no display and no address of the window's machine",
    (room) => {
      const files = readdirSync(join(ROOT, room), { recursive: true })
        .map(String)
        .filter((name) => /\.(ts|mjs)$/.test(name));
      expect(files.length).toBeGreaterThan(5);
      const found = files.flatMap((name) =>
        readFileSync(join(ROOT, room, name), "utf8")
          .split("\n")
          .map((line, i) => `${room}/${name}:${i + 1}: ${line.trim()}`)
          .filter((line) => LOCAL_ONLY.test(line)),
      );
      expect(found).toEqual([]);
    },
  );
});
