/** `absgd plan … -o FILE`: writes the planned values of an experiment, or the applied values of a run, for Python without a controller. */
import { statSync, writeFileSync } from 'node:fs'
import { AbsgdError } from '../../errors.js'
import { compileRun } from '../../experiment/run-schedule.js'
import { resolveExperiment, type ResolvedExperiment } from '../../experiment/resolve-experiment.js'
import type { Experiment } from '../../experiment/define-experiment.js'
import { readManifest, runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { readRun } from '../../log/read-run.js'
import { planFileOf, planFileText, type PlanFile } from '../../history/plan-file.js'
import { createStepHistory } from '../../history/series/step-history.js'
import { armsOf } from '../../run/run-set.js'

export interface PlanOutputOptions {
  readonly arm?: readonly string[]
  readonly param: Readonly<Record<string, string>>
  readonly stepsPerEpoch?: number
  readonly steps?: number
}

/** Whether `name` is an experiment file and not a run. */
export function isExperimentFile(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isFile() ?? /\.[cm]?[jt]s$/.test(name)
}

/** @throws AbsgdError 'usage' for several arms, and for controls that depend on the reports of the run */
export function planOfExperiment(experiment: Experiment, options: PlanOutputOptions): PlanFile {
  const [arm, another] = armsOf(experiment, options.arm)
  if (another !== undefined)
    throw new AbsgdError('usage', 'a file holds the plan of one arm: give one with --arm')
  const resolved = resolveExperiment(experiment, {
    ...(arm === undefined ? {} : { arm }),
    params: options.param,
  })
  const schedule = compileRun(resolved, { stepsPerEpoch: options.stepsPerEpoch ?? 0 })
  for (const [name, segments] of schedule.segments) {
    if (segments.every(({ curve }) => curve !== 'feedback')) continue
    throw new AbsgdError('usage', `${name} follows what is reported, so that nobody knows it ahead`, {
      hint: 'train a run with it, and plan what that has applied: absgd plan RUN -o FILE',
    })
  }
  const to = lengthOf(resolved, schedule.runSteps, options.steps)
  return planFileOf(resolved.name, { first: 0, to }, (first, count) => schedule.rows(first, count))
}

/** @throws AbsgdError 'run-directory' if there is no such run, or if it has no steps */
export async function planOfRun(nameOrPath: string, runs: string | undefined): Promise<PlanFile> {
  const dir = selectRun(runsRoot(runs), nameOrPath)
  const { run, experiment } = readManifest(dir)
  const history = createStepHistory()
  for await (const record of readRun(dir, { streams: ['steps'] })) history.add(record)
  if (history.to === 0) throw new AbsgdError('run-directory', `the run "${run}" has no steps to plan`)
  // A script without a controller has no planned controls: lambda and gamma are those of its own code.
  const names = history.planned.size > 0 ? [...history.planned] : ['lambda', 'gamma']
  return planFileOf(experiment, { first: history.begin, to: history.to }, (first, count) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const column = history.columns.get(`controls.${name}`)
        return column === undefined ? [] : [[name, column.subarray(first, first + count)]]
      }),
    ),
  )
}

/** @throws AbsgdError 'environment' if the file cannot be written */
export function writePlanFile(file: string, plan: PlanFile): void {
  try {
    writeFileSync(file, planFileText(plan))
  } catch (error) {
    throw new AbsgdError('environment', `the plan cannot be written: ${(error as Error).message}`)
  }
}

function lengthOf({ name }: ResolvedExperiment, runSteps: number, asked: number | undefined): number {
  if (asked !== undefined && (runSteps === 0 || asked <= runSteps)) return asked
  if (asked !== undefined)
    throw new AbsgdError('usage', `--steps ${asked}: "${name}" trains ${runSteps} steps`, {
      hint: `give 1 to ${runSteps}, or leave it out`,
    })
  if (runSteps > 0) return runSteps
  throw new AbsgdError('usage', `"${name}" trains until it is stopped, and a file holds a number of steps`, {
    hint: 'give --steps N',
  })
}
