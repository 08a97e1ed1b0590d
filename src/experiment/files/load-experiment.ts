/** Loads experiment files in TypeScript or JavaScript. */
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as jiti from 'jiti'
import * as zod from 'zod'
import { AbsgdError, toAbsgdError } from '../../errors.js'
import { cacheFolder } from '../../utils/cache-folder.js'
import { PACKAGE_ROOT } from '../../version.js'
import { isExperiment, type Experiment } from '../define-experiment.js'
import { userFrames } from './user-stack-frames.js'

/**
 * Loads the experiment that a file exports by default.
 *
 * In the file, `import … from 'absgd'` gives this package, and `import … from 'zod'` its zod if the file's folder has none.
 * Nothing is written beside the file: its JavaScript is kept in the user's cache folder, because loading Babel takes 0.3 s.
 *
 * @param path - Of the file, absolute or relative to the current directory
 * @throws AbsgdError 'experiment' when the file does not exist, does not parse (with the line), throws (with the place), or does not
 * export an experiment by default
 */
export async function loadExperiment(path: string): Promise<Experiment> {
  const file = resolve(path)
  requireFile(file)
  const exported = await importFile(file)
  if (!('default' in exported)) {
    throw new AbsgdError('experiment', `${file} has no default export`, {
      hint: 'end it with: export default defineExperiment({ … })',
    })
  }
  const experiment: unknown = exported['default']
  if (isExperiment(experiment)) return { ...experiment, file }
  throw new AbsgdError('experiment', `the default export of ${file} is no experiment`, {
    hint: 'it must be what defineExperiment({ … }) of "absgd" gives',
  })
}

function requireFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new AbsgdError('experiment', `there is no file ${file}`, { hint: 'name the experiment’s .ts file' })
  }
  if (EXTENSIONS.has(extname(file))) return
  throw new AbsgdError('experiment', `${file} is no experiment file`, {
    hint: `an experiment file ends in ${[...EXTENSIONS].join(', ')}`,
  })
}

async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  const url = pathToFileURL(file).href
  // The same instance of this package, not a second copy, so that its errors and experiments are recognised.
  const virtualModules: Record<string, unknown> = { absgd: await import(PACKAGE) }
  // A file of the cache is used only if the hash of the source that is written in it is that of the source now.
  const fsCache = join(cacheFolder(process.env), 'experiments')
  const options = { fsCache, interopDefault: false, virtualModules }
  const its = createJiti(url, options).esmResolve('zod', { try: true })
  const ours = createJiti(pathToFileURL(PACKAGE_ROOT).href, options).esmResolve('zod', { try: true })
  // The zod of this package is loaded already, so that the files of the same zod need not be loaded once more.
  if (its === undefined || its === ours) virtualModules['zod'] = zod
  try {
    return await createJiti(url, options).import(file)
  } catch (thrown) {
    throw loadError(file, thrown)
  }
}

function loadError(file: string, thrown: unknown): AbsgdError {
  const error = toAbsgdError(thrown, 'experiment')
  const syntax = SYNTAX_ERROR.exec(error.message)
  if (syntax !== null) {
    const [, problem = '', place = '', line = ''] = syntax
    return new AbsgdError('experiment', `${place}:${line} does not parse: ${problem}`, {
      hint: `${line} | ${readFileSync(place, 'utf8').split('\n')[Number(line) - 1] ?? ''}`,
      cause: thrown,
    })
  }
  const frames = userFrames(thrown)
  const hint = [
    ...(error.hint === undefined ? [] : [error.hint]),
    ...(frames.length === 0 ? [file] : frames),
  ].join('\n')
  // Our own errors describe the problem. For other errors the name of the class is shown too.
  if (error === thrown) {
    return new AbsgdError('experiment', `${basename(file)}: ${error.message}`, { hint, cause: thrown })
  }
  const name = thrown instanceof Error ? `${thrown.name}: ` : ''
  const [message = ''] = error.message.split('\nRequire stack:')
  return new AbsgdError('experiment', `${basename(file)} threw while it was loaded: ${name}${message}`, {
    hint,
    cause: thrown,
  })
}

/** A syntax error in the loader's words: problem, file, line. */
const SYNTAX_ERROR = /^ParseError: ([^\n]*?)\s*\n\s*(\S.*):(\d+):\d+$/
const EXTENSIONS: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs'])

/** This package by its own name, as an experiment file imports it. A literal import would be a circle: it exports `loadExperiment`. */
const PACKAGE = 'absgd'
// By require, because an import would first search all of its code for the names that it exports: 70 ms.
const { createJiti } = createRequire(import.meta.url)('jiti') as typeof jiti
