/** Compares the arms of an experiment: mean and deviation of every metric, and the differences for each seed. */
import { AbsgdError } from '../errors.js'
import type { RunSummary } from '../history/summarize-run.js'
import { figuresOf, metricsOf, winnerOf, type ComparedMetric, type Objective } from './arm-figures.js'
import { groupRuns, seedOf, type Group, type Seed } from './group-runs.js'
import { differencesWithin, differingSettings, type DifferingSetting } from './differing-settings.js'

export type { ArmFigures, ComparedMetric, PairedDifference } from './arm-figures.js'

export interface Comparison {
  /** Name of the arm that the others are compared with. */
  readonly baseline: string
  /** The baseline first, if it has a completed run. */
  readonly arms: readonly ComparedArm[]
  /** The objective first, then other metrics, `train.*` last; each at the last step, then at the best step. */
  readonly metrics: readonly ComparedMetric[]
  /** The baseline's objective; null without one. */
  readonly objective: Objective | null
  /** Parameters and settings, except controls, that are not the same in all arms. */
  readonly differing: readonly DifferingSetting[]
  /** Settings in which the runs of one arm differ. */
  readonly differingWithin: readonly (DifferingSetting & { readonly arm: string })[]
  readonly leftOut: readonly { readonly run: string; readonly reason: string }[]
}

export interface ComparedArm {
  /** The arm, or the experiment if its runs have no arm; with an addition if several groups have that name. */
  readonly name: string
  readonly experiment: string
  readonly arm: string | null
  readonly runs: readonly { readonly run: string; readonly seed: Seed }[]
  /** Seeds of this arm for which the baseline has no run. */
  readonly unpaired: readonly Seed[]
  /** Seeds of the baseline for which this arm has no run. */
  readonly missing: readonly Seed[]
}

export interface CompareOptions {
  /** Name of the arm that the others are compared with. @default the arm of the first run */
  readonly baseline?: string
}

/**
 * Compares completed runs by experiment, arm and parameters, paired by the parameter `seed`.
 *
 * If several runs have the same parameters and seed, only the newest counts. Runs that are not completed are listed in `leftOut`.
 *
 * @param summaries results of `run.result`; arms appear in the order of their first run
 * @throws AbsgdError 'usage' when no run belongs to the arm `baseline`, or its runs have different parameters
 */
export function compareRuns(summaries: readonly RunSummary[], options: CompareOptions = {}): Comparison {
  const { groups, leftOut } = groupRuns(summaries)
  const baseline = options.baseline ?? groups[0]?.name ?? ''
  const base = groups.find(({ name }) => name === baseline)
  if (base === undefined && options.baseline !== undefined) requireKnown(options.baseline, groups, summaries)
  const ordered = base === undefined ? groups : [base, ...groups.filter((group) => group !== base)]
  const objective = (base ?? groups[0])?.runs[0]?.config.objective ?? null
  return {
    baseline,
    arms: ordered.map((group) => comparedArm(group, base)),
    metrics: metricsOf(ordered, objective?.metric).map(({ metric, at }) => ({
      metric,
      at,
      wins: winnerOf(metric, objective),
      arms: ordered.map((group) => figuresOf(group, base, { metric, at, objective })),
    })),
    objective,
    differing: differingSettings(ordered),
    differingWithin: differencesWithin(ordered),
    leftOut,
  }
}

function requireKnown(asked: string, groups: readonly Group[], summaries: readonly RunSummary[]): void {
  const known = groups.map(({ name }) => name).join(', ') || 'none'
  if (groups.some(({ experiment, arm = experiment }) => arm === asked)) {
    throw new AbsgdError('usage', `"${asked}" is the name of several sets of runs`, {
      hint: `choose one of: ${known}`,
    })
  }
  // The baseline may have runs of which none is completed. Then there are no differences.
  if (summaries.some(({ config: { experiment, arm = experiment } }) => arm === asked)) return
  throw new AbsgdError('usage', `no run is of the arm "${asked}"`, { hint: `the arms are: ${known}` })
}

function comparedArm(group: Group, base: Group | undefined): ComparedArm {
  const { name, experiment, arm, runs } = group
  const without = (from: Group, other: Group) =>
    from.runs.map(seedOf).filter((seed) => seed !== null && other.runs.every((run) => seedOf(run) !== seed))
  const apart = base === undefined || base === group
  return {
    name,
    experiment,
    arm: arm ?? null,
    runs: runs.map((run) => ({ run: run.run, seed: seedOf(run) })),
    unpaired: apart ? [] : without(group, base),
    missing: apart ? [] : without(base, group),
  }
}
