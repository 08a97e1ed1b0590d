/** Peers that send what cannot be read: counted, and cut off after five bad frames in ten seconds. Pure. */

/** Times of recent bad frames, by peer. */
export type BadFrames = Readonly<Record<string, readonly number[]>>

export function strike(
  strikes: BadFrames,
  peer: string,
  nowMs: number,
): { readonly strikes: BadFrames; readonly first: boolean; readonly out: boolean } {
  const recent = (strikes[peer] ?? []).filter((atMs) => nowMs - atMs < WINDOW_MS)
  const times = [...recent, nowMs]
  return { strikes: { ...strikes, [peer]: times }, first: recent.length === 0, out: times.length >= LIMIT }
}

const WINDOW_MS = 10_000
const LIMIT = 5
