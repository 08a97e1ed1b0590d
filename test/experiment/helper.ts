/** Experiments without their boilerplate. */
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { compileRun } from '../../src/experiment/run-schedule.js'
import {
  defineExperiment,
  type Controls,
  type ExperimentSpec,
} from '../../src/experiment/define-experiment.js'
import { resolveExperiment, type ResolveOptions } from '../../src/experiment/resolve-experiment.js'

export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
}

/** 100 steps of a task in a module. */
export function experimentOf<Schema extends z.ZodObject>(spec: Partial<ExperimentSpec<Schema>>) {
  return defineExperiment<Schema>({ name: 'try', worker: { task: 'tasks:build' }, length: 100, ...spec })
}

export function resolved<Schema extends z.ZodObject>(
  spec: Partial<ExperimentSpec<Schema>>,
  options: ResolveOptions = {},
) {
  return resolveExperiment(experimentOf(spec), options)
}

/** A run of 10 steps an epoch. */
export function compiled(spec: Partial<ExperimentSpec>, stepsPerEpoch = 10) {
  return compileRun(resolved(spec), { stepsPerEpoch })
}

export function withControls(controls: Controls) {
  return compiled({ controls })
}

/** What an error says, hint included. */
export function complaintOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return `${(error as Error).message}\n${(error as { hint?: string }).hint ?? ''}`
  }
  return 'nothing was refused'
}
