/** Counts frames that cannot be read, per peer. A peer is cut off after five of them in ten seconds. Pure. */

/** The times of recent bad frames in milliseconds, by peer. */
export type BadFrames = Readonly<Record<string, readonly number[]>>

export function countBadFrame(
  badFrames: BadFrames,
  peer: string,
  nowMs: number,
): { readonly badFrames: BadFrames; readonly isFirst: boolean; readonly isOverLimit: boolean } {
  const recent = (badFrames[peer] ?? []).filter((atMs) => nowMs - atMs < WINDOW_MS)
  const times = [...recent, nowMs]
  return {
    badFrames: { ...badFrames, [peer]: times },
    isFirst: recent.length === 0,
    isOverLimit: times.length >= LIMIT,
  }
}

const WINDOW_MS = 10_000
const LIMIT = 5
