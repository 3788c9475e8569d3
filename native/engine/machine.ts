import { freemem, totalmem } from "node:os";
import type { OpenedLibrary } from "../addon/binding";
import type { MachineMemory } from "./gguf/fit";

/** macOS counts files that it only keeps in memory as used; this share of all is what a program can reckon with. */
const MAC_SHARE = 0.7;

/** Bytes of main memory that can be taken: what is free for this process, container limits included. */
export function availableMemory(): number {
  if (process.platform === "darwin") {
    return totalmem() * MAC_SHARE;
  }
  // Node 20.13 and later; it knows of control groups.
  return process.availableMemory?.() ?? freemem();
}

/** The memory of this machine, as the back end's devices and the system tell it. */
export function machineMemory(
  devices: OpenedLibrary["devices"],
  useGpu: boolean,
): MachineMemory {
  const gpus = useGpu ? gpuDevices(devices) : [];
  return {
    mainAvailable: availableMemory(),
    gpuAvailable: gpus.reduce((sum, device) => sum + device.freeMemory, 0),
    gpuName: gpus[0]?.description,
  };
}

/** The devices that layers can be put on. */
export function gpuDevices(
  devices: OpenedLibrary["devices"],
): OpenedLibrary["devices"] {
  const discrete = devices.filter(({ kind }) => kind === "gpu");
  return discrete.length > 0
    ? discrete
    : devices.filter(({ kind }) => kind === "integrated");
}
