import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { discoverModels } from "../../../native/client/discover";

let home: string;
const DIGEST = "ab".repeat(32);

function file(path: string, content = "GGUF"): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

const find = (
  folders: string[] = [],
  env: Record<string, string> = {},
  platform: NodeJS.Platform = "linux",
) => discoverModels({ folders, surroundings: { home, env, platform } });

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "forksight-discover-"));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

describe("discoverModels", () => {
  it("finds models in the usual caches, with the names that their owners give them", async () => {
    file(".lmstudio/models/qwen/Qwen3-GGUF/q4.gguf");
    file(".cache/llama.cpp/some-model.gguf");
    const blob = file(`.ollama/models/blobs/sha256-${DIGEST}`, "GGUF and more");
    file(
      ".ollama/models/manifests/registry.ollama.ai/library/qwen3/8b",
      JSON.stringify({
        layers: [
          {
            mediaType: "application/vnd.ollama.image.license",
            digest: "sha256:00",
          },
          {
            mediaType: "application/vnd.ollama.image.model",
            digest: `sha256:${DIGEST}`,
          },
        ],
      }),
    );
    const hub = file(".cache/huggingface/hub/models--a--b/blobs/123");
    const snapshot = join(
      home,
      ".cache/huggingface/hub/models--a--b/snapshots/rev",
    );
    mkdirSync(snapshot, { recursive: true });
    symlinkSync(hub, join(snapshot, "m.gguf"));
    const found = await find();
    expect(found.map(({ source, name }) => [source, name])).toEqual([
      ["lmStudio", "qwen/Qwen3-GGUF/q4.gguf"],
      ["ollama", "qwen3:8b"],
      ["llamaCpp", "some-model.gguf"],
      ["huggingFace", "a/b/m.gguf"],
    ]);
    expect(found[1]).toMatchObject({ path: blob, sizeBytes: 13 });
  });

  it("lists a split model once with the size of all parts, and no projector", async () => {
    file("models/big-00001-of-00003.gguf", "1");
    file("models/big-00002-of-00003.gguf", "22");
    file("models/big-00003-of-00003.gguf", "333");
    file("models/mmproj-model-f16.gguf");
    file("models/notes.txt");
    const found = await find([join(home, "models")]);
    expect(found).toEqual([
      {
        path: join(home, "models/big-00001-of-00003.gguf"),
        name: "big-00001-of-00003.gguf",
        source: "folder",
        sizeBytes: 6,
      },
    ]);
  });

  it("lists a file that is reached by two ways once, and does not follow links to folders", async () => {
    const real = file("models/one.gguf");
    symlinkSync(real, join(home, "models", "two.gguf"));
    symlinkSync(join(home, "models"), join(home, "models", "circle"));
    const found = await find([join(home, "models"), join(home, "models")]);
    expect(found.map(({ path }) => path)).toEqual([real]);
  });

  it("honours the variables that move the caches, and each platform's own place", async () => {
    const names = ["ollama", "hub", "hf/hub", "llama"];
    for (const name of names) {
      file(`${name}/x/${name.replace("/", "-")}.gguf`);
    }
    const at = (name: string): string => join(home, name);
    const sources = async (
      env: Record<string, string>,
      platform?: NodeJS.Platform,
    ) => (await find([], env, platform)).map(({ source }) => source);
    expect(
      await sources({ LLAMA_CACHE: at("llama"), HF_HUB_CACHE: at("hub") }),
    ).toEqual(["llamaCpp", "huggingFace"]);
    expect(await sources({ HF_HOME: at("hf") })).toEqual(["huggingFace"]);
    file("Library/Caches/llama.cpp/mac.gguf");
    expect(await sources({}, "darwin")).toEqual(["llamaCpp"]);
    file("Local/llama.cpp/win.gguf");
    expect(await sources({ LOCALAPPDATA: at("Local") }, "win32")).toEqual([
      "llamaCpp",
    ]);
  });

  it("takes no file that a damaged or hostile manifest names", async () => {
    file("ollama/blobs/x");
    const manifests = "ollama/manifests/registry.ollama.ai/library";
    file(`${manifests}/damaged/latest`, "{");
    file(
      `${manifests}/hostile/latest`,
      JSON.stringify({
        layers: [
          {
            mediaType: "application/vnd.ollama.image.model",
            digest: "sha256:../../../etc/passwd",
          },
        ],
      }),
    );
    expect(await find([], { OLLAMA_MODELS: join(home, "ollama") })).toEqual([]);
  });

  it("ends with what it has when the time is over or the search is aborted", async () => {
    file("models/one.gguf");
    const folders = [join(home, "models")];
    const surroundings = { home, env: {}, platform: "linux" as const };
    expect(
      await discoverModels({ folders, surroundings, timeLimit: -1 }),
    ).toEqual([]);
    const signal = AbortSignal.abort();
    expect(await discoverModels({ folders, surroundings, signal })).toEqual([]);
  });
});
