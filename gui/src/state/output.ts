/** What a job writes while it runs: pieces by offset, and the whole that the gateway keeps. Nothing twice, nothing left out. */

import { text as decode, utf8 } from "../protocol/bytes";

/** Streamed output of one delivery. */
export interface Output {
  delivery: number;
  text: string;
  /** Length of `text` in UTF-8 bytes: where the next piece begins. */
  bytes: number;
  /** Pieces beyond a gap; the detail fetches what is missing. */
  early: Piece[];
}

/** One piece, as `job.output` carries it. */
export interface Piece {
  delivery: number;
  offset: number;
  text: string;
}

/** One line of a job's log, with its place in it. */
export interface LogLine {
  level: string;
  message: string;
  attempt: number;
  delivery: number;
  offset: number;
}

export const LOG_KEPT = 5000;
const EARLY_KEPT = 1000;

/** The output with one more piece. An older delivery's piece changes nothing; a newer one begins anew. */
export function merged(before: Output | undefined, piece: Piece): Output {
  if (before && piece.delivery < before.delivery) return before;
  const known = before?.delivery === piece.delivery ? before : { delivery: piece.delivery, text: "", bytes: 0, early: [] };
  if (piece.offset > known.bytes) return { ...known, early: [...known.early, piece].slice(-EARLY_KEPT) };
  const grown = joined(known, piece);
  return grown.early.length ? withEarly(grown) : grown;
}

/** The output with the whole that the gateway told: what came in the meantime stays. */
export function settled(before: Output | undefined, whole: { delivery: number; offset: number; text: string }): Output {
  if (before && (whole.delivery < before.delivery || (whole.delivery === before.delivery && whole.offset < before.bytes))) return before;
  const early = before?.delivery === whole.delivery ? before.early : [];
  return withEarly({ delivery: whole.delivery, text: whole.text, bytes: whole.offset, early });
}

/** Whether something in the middle has not come. */
export function broken(output: Output | undefined): boolean {
  return (output?.early.length ?? 0) > 0;
}

function joined(known: Output, piece: Piece): Output {
  const bytes = utf8(piece.text);
  const old = known.bytes - piece.offset;
  if (old >= bytes.length) return known;
  const fresh = old === 0 ? piece.text : decode(bytes.slice(old));
  return { ...known, text: known.text + fresh, bytes: piece.offset + bytes.length };
}

function withEarly(output: Output): Output {
  let grown = { ...output, early: [] as Piece[] };
  for (const piece of [...output.early].sort((one, other) => one.offset - other.offset)) {
    grown = piece.offset > grown.bytes ? { ...grown, early: [...grown.early, piece] } : joined(grown, piece);
  }
  return grown;
}

/** The log with these lines, each once, in the order in which they were written. */
export function logged(before: readonly LogLine[] | undefined, lines: readonly LogLine[]): LogLine[] {
  const known = before ?? [];
  const last = known.at(-1);
  const inOrder = lines.every((line, index) => after(line, index === 0 ? last : lines[index - 1]));
  if (inOrder) return [...known, ...lines].slice(-LOG_KEPT);
  const all = new Map([...known, ...lines].map((line) => [`${line.delivery}.${line.offset}`, line]));
  return [...all.values()].sort((one, other) => one.delivery - other.delivery || one.offset - other.offset).slice(-LOG_KEPT);
}

function after(line: LogLine, before: LogLine | undefined): boolean {
  return !before || line.delivery > before.delivery || (line.delivery === before.delivery && line.offset > before.offset);
}

/** The lines of a `job.log` event. */
export function linesOf(data: Record<string, unknown>): LogLine[] {
  const lines = Array.isArray(data.lines) ? (data.lines as { level?: unknown; message?: unknown }[]) : [];
  return lines.map((line, index) => ({
    level: String(line.level ?? "info"),
    message: String(line.message ?? ""),
    attempt: Number(data.attempt),
    delivery: Number(data.delivery),
    offset: Number(data.offset) + index,
  }));
}
