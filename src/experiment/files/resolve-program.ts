/** Resolves the program that the worker of a run executes, from the experiment's setting `worker`. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { z } from 'zod'
import { AbsgdError } from '../../errors.js'
import { quote } from '../../utils/shell-quote.js'
import type { Program } from '../../record/worker-program.js'
import { shown } from '../schema-errors.js'
import { argsSchema, moduleSchema, scriptSchema } from '../spec-schema.js'
import { resolveTask } from './resolve-task.js'

/** The settings of `worker` in the experiment: values, or functions of the parameters. */
export type WorkerSettings = Readonly<Partial<Record<'task' | 'script' | 'module' | 'args', unknown>>>

/**
 * @param evaluated computes the value of a setting that may be a function
 * @param directory the directory that paths are relative to
 * @throws AbsgdError 'experiment' when a setting has another form, or the file does not exist
 */
export function resolveProgram(
  worker: WorkerSettings | undefined,
  evaluated: (what: string, given: unknown) => unknown,
  directory: string,
): Program {
  if (worker === undefined) return { kind: 'unnamed' }
  if (worker.task !== undefined)
    return { kind: 'task', task: resolveTask(evaluated('worker.task', worker.task), directory) }
  const args = fitting('args', argsSchema, evaluated('worker.args', worker.args ?? [])).map(String)
  if (worker.module !== undefined) {
    const module = fitting('module', moduleSchema, evaluated('worker.module', worker.module))
    return { kind: 'module', module, args }
  }
  const script = fitting('script', scriptSchema, evaluated('worker.script', worker.script))
  const file = resolve(directory, script)
  if (existsSync(file)) return { kind: 'script', file, args }
  throw new AbsgdError('experiment', `the script ${file} does not exist`, {
    hint: `worker.script says ${shown(script)}; a file is looked for in the experiment's own folder`,
  })
}

/** A program, formatted for people: `train.py --lr 0.1`, `-m package.train`, or the task. */
export function programInWords(program: Program): string {
  switch (program.kind) {
    case 'task':
      return program.task
    case 'script':
      return [basename(program.file), ...program.args].map(quote).join(' ')
    case 'module':
      return ['-m', program.module, ...program.args].map(quote).join(' ')
    case 'unnamed':
      return 'a script started by hand'
    default:
      return program satisfies never
  }
}

function fitting<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AbsgdError(
    'experiment',
    `worker.${name} is ${shown(value)}; ${parsed.error.issues[0]?.message ?? ''}`,
  )
}
