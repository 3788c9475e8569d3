/** UTF-16 ranges of tokens, shape [n] each; see `tokenRanges`. */
export interface TokenRanges {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
}

/** Whether a token's bytes are where its range is. */
export const STANDS = {
  /** They stand in the text. */
  there: 0,
  /** The token has no text: an end token, or a special token that the decoding left out. */
  absent: 1,
  /** Other text stands in its place: it was another tokenizer's, or an unknown character. */
  stray: 2,
} as const;

/** Ranges, and for each token one of `STANDS`, shape [n]. */
export interface LaidTokens extends TokenRanges {
  readonly stands: Uint8Array;
}

const SPACE = 0x20;
/** How far in bytes to look for the next token behind one whose bytes do not stand in the text. */
const SEARCH_WINDOW = 256;

/**
 * Lays the bytes of a tokenised text over the text.
 *
 * A character whose bytes several tokens share belongs whole to the token that holds its first byte; the tokens that
 * only continue it get an empty range at its end. So no range is ever inside a surrogate pair, the ranges follow one
 * another without gap or overlap, and together they are the text.
 *
 * Some tokenizers do not give the text's bytes back: SentencePiece puts a space in front (and behind special tokens),
 * others drop white space around special tokens or write an unknown character as `<unk>`. An inserted space is left
 * out, dropped white space belongs to the token behind it, and a token whose bytes are not there covers what lies
 * between its neighbours.
 *
 * @param text the text that was tokenised; a lone surrogate counts as U+FFFD, as Node's UTF-8 conversion has it
 * @param pieces the bytes of each token, shape [n]
 */
export function tokenRanges(
  text: string,
  pieces: readonly Uint8Array[],
): TokenRanges {
  const { start, end } = layTokens(text, pieces);
  return { start, end };
}

/** As `tokenRanges`, with whether each token really stands there: for ids and a text that come from elsewhere. */
export function layTokens(
  text: string,
  pieces: readonly Uint8Array[],
): LaidTokens {
  const bytes = new TextEncoder().encode(text);
  const { ends, stands } = byteEnds(bytes, pieces);
  const start = new Uint32Array(pieces.length);
  const end = new Uint32Array(pieces.length);
  // One walk over text and tokens together: `unit` is the UTF-16 offset of the first character at or behind `byte`.
  let byte = 0;
  let unit = 0;
  for (let token = 0; token < pieces.length; token++) {
    start[token] = unit;
    const target = ends[token] ?? 0;
    while (byte < target) {
      const width = characterBytes(bytes[byte] ?? 0);
      byte += width;
      unit += width === 4 ? 2 : 1;
    }
    end[token] = unit;
  }
  return { start, end, stands };
}

/** Bytes of the UTF-8 character that begins with `lead`. The bytes come from TextEncoder, so they are well-formed. */
function characterBytes(lead: number): number {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xe0) {
    return 2;
  }
  return lead < 0xf0 ? 3 : 4;
}

/** The offset in `bytes` just behind each token: ascending, the last one at the end. Shape [n]. */
function byteEnds(
  bytes: Uint8Array,
  pieces: readonly Uint8Array[],
): { readonly ends: Uint32Array; readonly stands: Uint8Array } {
  const ends = new Uint32Array(pieces.length);
  const stands = new Uint8Array(pieces.length);
  let at = 0;
  for (const [token, piece] of pieces.entries()) {
    const from = at;
    const matched = match(bytes, at, piece);
    if (matched !== undefined) {
      at = matched;
    } else {
      // The token stands for bytes that it does not hold: it covers what lies before the next one that can be found.
      at = findNext(bytes, at, pieces, token + 1);
    }
    const behind = at;
    if (token === pieces.length - 1) at = bytes.length;
    const isThere = matched !== undefined && piece.length > 0;
    // Of a token that is there, what the last one covers beyond its own bytes.
    const other = standIn(bytes.subarray(isThere ? behind : from, at));
    stands[token] = isThere && other === STANDS.absent ? STANDS.there : other;
    ends[token] = at;
  }
  return { ends, stands };
}

/** What a token is whose own bytes are not there, by the text in their place. Decoders write half a character as U+FFFD. */
function standIn(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  if (/^\s*$/.test(text)) return STANDS.absent;
  return /^[\s\ufffd]*$/.test(text) ? STANDS.there : STANDS.stray;
}

/**
 * Matches a piece at `from`, leaving out spaces that only the piece has and white space that only the text has.
 * @returns the offset behind it, or undefined where the piece does not stand there
 */
function match(
  bytes: Uint8Array,
  from: number,
  piece: Uint8Array,
): number | undefined {
  let at = from;
  for (const byte of piece) {
    if (bytes[at] === byte) {
      at += 1;
      continue;
    }
    if (byte === SPACE) {
      continue;
    }
    let next = at;
    while (next < bytes.length && isWhiteSpace(bytes[next] ?? 0)) {
      next += 1;
    }
    if (next === at || bytes[next] !== byte) {
      return undefined;
    }
    at = next + 1;
  }
  return at;
}

function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}

/** Where the token `next` begins at or behind `from`, within a window; `from` itself where it is nowhere. */
function findNext(
  bytes: Uint8Array,
  from: number,
  pieces: readonly Uint8Array[],
  next: number,
): number {
  const piece = pieces[next];
  if (piece === undefined || piece.length === 0) {
    return from;
  }
  const last = Math.min(bytes.length - piece.length, from + SEARCH_WINDOW);
  for (let at = from; at <= last; at++) {
    if (piece.every((byte, index) => bytes[at + index] === byte)) {
      return at;
    }
  }
  return from;
}
