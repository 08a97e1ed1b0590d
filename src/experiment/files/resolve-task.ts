/** Resolves the place of the user's function `build(params, context)`. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { AbsgdError } from '../../errors.js'
import { shown } from '../schema-errors.js'
import { taskSchema } from '../spec-schema.js'

/**
 * `FILE:FUNCTION` with an absolute file, or `MODULE:FUNCTION` unchanged. A name that ends in `.py` or has a slash is a file.
 *
 * @param directory the directory that paths are relative to
 * @throws AbsgdError 'experiment' when the task has another form, or the file does not exist
 */
export function resolveTask(task: unknown, directory: string): string {
  const parsed = taskSchema.safeParse(task)
  if (!parsed.success) {
    throw new AbsgdError(
      'experiment',
      `worker.task is ${shown(task)}; ${parsed.error.issues[0]?.message ?? ''}`,
    )
  }
  const cut = parsed.data.lastIndexOf(':')
  const place = parsed.data.slice(0, cut)
  if (!place.endsWith('.py') && !place.includes('/')) return parsed.data
  const file = resolve(directory, place)
  if (existsSync(file)) return `${file}${parsed.data.slice(cut)}`
  throw new AbsgdError('experiment', `the task's file ${file} does not exist`, {
    hint: `worker.task says ${shown(parsed.data)}; a file is looked for in the experiment's own folder`,
  })
}
