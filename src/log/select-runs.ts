/** Selects runs by what a user types: names, paths, patterns, experiments. */
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import type picomatch from 'picomatch'
import { AbsgdError } from '../errors.js'
import { findRun, listRuns, readManifest, runAt } from './run-directory.js'
import { nearest } from '../utils/nearest.js'

/**
 * The directories of the selected runs, without repetition, in the order of the selectors; if a selector matches several runs, the oldest
 * comes first. A selector is the name or path of a run, a pattern of names as a shell has it
 * (`*` any text, `?` any character, `[12]` one of these, `{a,b}` either), the name of an experiment, or `experiment/arm`.
 *
 * @throws AbsgdError 'run-directory' for a selector without runs, with the most similar names.
 */
export function selectRuns(root: string, selectors: readonly string[]): string[] {
  const runs = listRuns(root)
    .toReversed()
    .map((dir) => ({ dir, name: basename(dir), ...labelsOf(dir) }))
  const selected = selectors.flatMap((selector) => {
    const one = runAt(root, selector)
    if (one !== undefined) return [one]
    const matches = isPattern(selector) ? patterns()(selector, PATTERN) : undefined
    const matching = runs.filter(({ name, labels }) => matches?.(name) ?? labels.includes(selector))
    if (matching.length > 0) return matching.map(({ dir }) => dir)
    const known = [...new Set(runs.flatMap(({ name, labels }) => [...labels, name]))]
    throw nothingOf(selector, root, known)
  })
  return [...new Set(selected)]
}

/**
 * The directory of the single run that `selector` matches, with the selectors of {@link selectRuns}.
 *
 * @throws AbsgdError 'run-directory' as in {@link findRun}, and for a selector that matches several runs, with their names.
 */
export function selectRun(root: string, selector: string): string {
  const one = runAt(root, selector)
  if (one !== undefined) return one
  if (!isPattern(selector) && !listRuns(root).some((dir) => labelsOf(dir).labels.includes(selector)))
    return findRun(root, selector)
  const found = selectRuns(root, [selector])
  if (found.length === 1) return found[0]!
  const names = found.map((dir) => basename(dir))
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : ''
  throw new AbsgdError(
    'run-directory',
    `"${selector}" names ${names.length} runs, and this command takes one`,
    {
      hint: `name one of ${names.slice(0, NAMED).join(', ')}${more}`,
    },
  )
}

/** Whether a selector is a pattern of names, as in {@link selectRuns}. */
export function isPattern(selector: string): boolean {
  return !PLAIN.test(selector) && patterns().scan(selector, PATTERN).isGlob
}

/** Loaded only for a selector that may be a pattern. */
function patterns(): typeof picomatch {
  return createRequire(import.meta.url)('picomatch') as typeof picomatch
}

/** The selectors of a run besides its name; none if its manifest cannot be read. */
function labelsOf(dir: string): { readonly labels: readonly string[] } {
  try {
    const { experiment, arm } = readManifest(dir)
    return { labels: arm === undefined ? [experiment] : [experiment, `${experiment}/${arm}`] }
  } catch {
    return { labels: [] }
  }
}

function nothingOf(selector: string, root: string, known: readonly string[]): AbsgdError {
  const what = isPattern(selector)
    ? `no run matches "${selector}"`
    : `there is no run and no experiment "${selector}"`
  const near = isPattern(selector) ? [] : nearest(selector, known)
  const others = near.length > 0 ? `did you mean ${near.join(', ')}?` : 'see "absgd ls"'
  return new AbsgdError('run-directory', `${what} in ${root}`, {
    hint: known.length === 0 ? 'there are no runs here; --runs or $ABSGD_RUNS names another root' : others,
  })
}

/** A leading dot is a character like others, and `!` or `+(…)` mean nothing. */
const PATTERN = { dot: true, nonegate: true, noextglob: true } as const
/** Largest number of runs that an error names. */
const NAMED = 5
/** Characters of names and paths, which no pattern needs. */
const PLAIN = /^[\w./~ -]*$/
