/** Several runs at once, by what somebody types. */
import { basename } from 'node:path'
import { AbsgdError } from '../errors.js'
import { listRuns, readManifest, runAt } from './directory.js'
import { nearest } from './nearest.js'

/**
 * The directories of the runs that `selectors` name, each once: in the order of the selectors, for one that names several
 * the oldest first. A selector is the name or path of a run, a pattern of names (`*` any text, `?` any character), the name of
 * an experiment, or `experiment/arm`.
 *
 * @throws AbsgdError 'run-directory' for a selector without runs, naming what comes near.
 */
export function selectRuns(root: string, selectors: readonly string[]): string[] {
  const runs = listRuns(root)
    .toReversed()
    .map((dir) => ({ dir, name: basename(dir), ...labelsOf(dir) }))
  const selected = selectors.flatMap((selector) => {
    const one = runAt(root, selector)
    if (one !== undefined) return [one]
    const pattern = /[*?]/.test(selector) ? patternOf(selector) : undefined
    const matching = runs.filter(({ name, labels }) => pattern?.test(name) ?? labels.includes(selector))
    if (matching.length > 0) return matching.map(({ dir }) => dir)
    const known = [...new Set(runs.flatMap(({ name, labels }) => [...labels, name]))]
    throw nothingOf(selector, root, known, pattern !== undefined)
  })
  return [...new Set(selected)]
}

/** What a run can be named by besides its name; nothing where its manifest cannot be read. */
function labelsOf(dir: string): { readonly labels: readonly string[] } {
  try {
    const { experiment, arm } = readManifest(dir)
    return { labels: arm === undefined ? [experiment] : [experiment, `${experiment}/${arm}`] }
  } catch {
    return { labels: [] }
  }
}

function patternOf(selector: string): RegExp {
  const source = selector
    .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`)
}

function nothingOf(selector: string, root: string, known: readonly string[], isPattern: boolean): AbsgdError {
  const what = isPattern ? `no run matches "${selector}"` : `there is no run and no experiment "${selector}"`
  const near = isPattern ? [] : nearest(selector, known)
  const others = near.length > 0 ? `did you mean ${near.join(', ')}?` : 'see "absgd ls"'
  return new AbsgdError('run-directory', `${what} in ${root}`, {
    hint: known.length === 0 ? 'there are no runs here; --runs or $ABSGD_RUNS names another root' : others,
  })
}
