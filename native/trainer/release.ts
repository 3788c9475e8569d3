import { loadAddon } from "../addon/load";

/** The llama.cpp release that this installation trains with. @throws Error where the add-on is missing */
export function addonRelease(): string {
  return loadAddon().release;
}
