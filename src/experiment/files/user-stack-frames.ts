/** Finds the frames of a stack trace that are in the user's code. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PACKAGE_ROOT } from '../../version.js'

/** The innermost frames outside Node and packages, at most {@link MAX_FRAMES}, one line each. */
export function userFrames(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return []
  return thrown.stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !FOREIGN.some((part) => line.includes(part)))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim())
}

const MAX_FRAMES = 3
/** The folder of this package, Node, and installed packages. */
const FOREIGN = [
  ...['src/', 'dist/'].map((folder) => pathToFileURL(join(PACKAGE_ROOT, folder)).pathname),
  'node:',
  '/node_modules/',
  '<anonymous>',
]
