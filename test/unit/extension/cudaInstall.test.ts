import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  cudaPackage,
  installCudaPackage,
} from "../../../extension/models/cudaInstall";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-cuda-"));
});
afterEach(() => rm(root, { recursive: true }));

const NAME = "linux-x64-cuda";
const signal = new AbortController().signal;

/** Does what npm would: puts the package where it belongs. */
async function fakeNpm(args: readonly string[], folder: string) {
  expect(args).toContain("--ignore-scripts");
  expect(args.at(-1)).toBe(`@node-llama-cpp/${NAME}@3.22.1`);
  const bins = path.join(
    folder,
    ...["node_modules", "@node-llama-cpp", NAME, "bins", NAME],
  );
  await mkdir(bins, { recursive: true });
  await writeFile(path.join(bins, "libggml-cuda.so"), "new");
}

describe("installing the CUDA back end", () => {
  it("is for x64 under Linux and Windows", () => {
    expect(cudaPackage("linux", "x64")).toBe(NAME);
    expect(cudaPackage("win32", "x64")).toBe("win-x64-cuda");
    expect(cudaPackage("linux", "arm64")).toBeUndefined();
    expect(cudaPackage("darwin", "x64")).toBeUndefined();
  });

  it("puts the libraries in place of older ones and leaves nothing else", async () => {
    const target = path.join(root, NAME);
    await mkdir(target);
    await writeFile(path.join(target, "libggml-cuda.so"), "old");
    await writeFile(path.join(target, "libold.so"), "old");
    await installCudaPackage(NAME, "3.22.1", root, signal, fakeNpm);
    expect(await readdir(root)).toEqual([NAME]);
    expect(await readdir(target)).toEqual(["libggml-cuda.so"]);
    expect(await readFile(path.join(target, "libggml-cuda.so"), "utf8")).toBe(
      "new",
    );
  });

  it("keeps the older ones where fetching fails", async () => {
    const target = path.join(root, NAME);
    await mkdir(target);
    await writeFile(path.join(target, "libggml-cuda.so"), "old");
    const fails = () => Promise.reject(new Error("no network"));
    await expect(
      installCudaPackage(NAME, "3.22.1", root, signal, fails),
    ).rejects.toThrow("no network");
    expect(await readdir(root)).toEqual([NAME]);
    expect(await readdir(target)).toEqual(["libggml-cuda.so"]);
  });
});
