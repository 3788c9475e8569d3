import type { EngineConfiguration } from "../../core/engine/protocol";
import type { Addon, OpenedLibrary } from "../addon/binding";
import { chooseBackEnd } from "./backEnd";
import type { BackEnd, GpuSetting } from "./backEnd";
import { EngineFailure } from "./failure";
import { gpuDevices } from "./machine";

/** llama.cpp in this process: the add-on with a back end's libraries open. */
export interface Llama {
  readonly addon: Addon;
  readonly backEnd: BackEnd;
  /** The devices, with the memory that is free on them now. */
  devices(): OpenedLibrary["devices"];
}

/**
 * Chooses a back end and opens it, once per process.
 * @param setting names the GPU setting in errors
 * @throws EngineFailure noBackEnd
 */
export async function openLlama(
  loadAddon: () => Addon,
  configuration: EngineConfiguration,
  setting: GpuSetting = "forksight.gpu",
): Promise<Llama> {
  const backEnd = await chooseBackEnd(configuration, setting);
  try {
    const addon = loadAddon();
    const { devices } = addon.open(backEnd.libraryFolder);
    if (
      backEnd.kind === configuration.gpu &&
      gpuDevices(devices).length === 0
    ) {
      throw new EngineFailure(
        "noBackEnd",
        `llama.cpp's ${backEnd.kind} libraries are there, but they find no GPU: its driver or runtime is missing. ` +
          `Set ${setting} to "auto" or "off".`,
        "turnGpuOff",
      );
    }
    return {
      addon,
      backEnd,
      // Opening the same folder again opens nothing, and tells the free memory anew.
      devices: () => addon.open(backEnd.libraryFolder).devices,
    };
  } catch (error) {
    if (error instanceof EngineFailure) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineFailure(
      "noBackEnd",
      `llama.cpp's ${backEnd.kind} libraries could not be opened: ${reason}`,
      configuration.gpu === "off" ? "none" : "turnGpuOff",
    );
  }
}
