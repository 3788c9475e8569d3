/** What values of settings may be, where more than one setting is like it. */
import { z } from "zod";

/** A whole number from `from` to `to`, both included. */
export const count = (from = 1, to = 1e9) => z.number().int().min(from).max(to);

/** From 0 to 1. */
export const share = z.number().min(0).max(1);

/** Of a file or folder; relative ones are relative to the run file. */
export const path = z.string().min(1, "a path is needed");
