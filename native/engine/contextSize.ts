/** The least context that a scorer is made with, in tokens: an edit that adds a few words then needs no new one. */
export const MINIMUM_CONTEXT = 512;

export interface ContextWish {
  /** Tokens of the trace with its conditioning. */
  readonly needed: number;
  /** The setting `forksight.contextSize`; 0 takes what the trace needs. */
  readonly wished: number;
  /** Longest context that the model was trained for, in tokens. */
  readonly trained: number;
  /** Tokens that memory holds. */
  readonly memoryLimit: number;
}

/**
 * Tokens of context for a trace: the wish, or the power of two that holds the trace; at most what the model was trained
 * for and what memory holds. A longer trace is scored in windows.
 */
export function contextSizeFor(wish: ContextWish): number {
  const cap = Math.max(1, Math.min(wish.trained, wish.memoryLimit));
  if (wish.wished > 0) {
    return Math.min(wish.wished, cap);
  }
  let size = MINIMUM_CONTEXT;
  while (size < wish.needed) {
    size *= 2;
  }
  return Math.min(size, cap);
}
