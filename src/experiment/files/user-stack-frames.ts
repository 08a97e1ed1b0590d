/** The part of a stack that is the user's own code. */

/** The innermost frames that are neither Node's nor a package's, at most {@link MAX_FRAMES}, as lines. */
export function userFrames(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return []
  return thrown.stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !FOREIGN.some((part) => line.includes(part)))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim())
}

const MAX_FRAMES = 3
/** This package's own folder, Node, and whatever is installed. */
const FOREIGN = [new URL('../..', import.meta.url).pathname, 'node:', '/node_modules/', '<anonymous>']
