/** Arms of an experiment side by side: every metric's mean and deviation, and the differences seed by seed. */
import { AbsgdError } from '../errors.js'
import type { RunSummary } from '../history/summarize-run.js'
import { figuresOf, metricsOf, winnerOf, type ComparedMetric, type Objective } from './arm-figures.js'
import { groupRuns, seedOf, type Group, type Seed } from './group-runs.js'
import { differencesWithin, differingSettings, type DifferingSetting } from './differing-settings.js'

export type { ArmFigures, ComparedMetric, PairedDifference } from './arm-figures.js'

export interface Comparison {
  /** What differences are to: the name of the first arm, unless another was asked for. */
  readonly baseline: string
  /** The baseline first, if it has a completed run. */
  readonly arms: readonly ComparedArm[]
  /** The objective first, then what was measured beside it, `train.*` last; each at the last step, then at the best. */
  readonly metrics: readonly ComparedMetric[]
  /** The baseline's objective; null without one. */
  readonly objective: Objective | null
  /** Parameters and settings, controls apart, that are not the same in all arms. */
  readonly differing: readonly DifferingSetting[]
  /** Settings in which the runs of one arm differ. */
  readonly differingWithin: readonly (DifferingSetting & { readonly arm: string })[]
  readonly leftOut: readonly { readonly run: string; readonly reason: string }[]
}

export interface ComparedArm {
  /** The arm, or the experiment of runs without one; with what tells it from others of that name. */
  readonly name: string
  readonly experiment: string
  readonly arm: string | null
  readonly runs: readonly { readonly run: string; readonly seed: Seed }[]
  /** Its seeds without a run of the baseline. */
  readonly unpaired: readonly Seed[]
  /** The baseline's seeds without a run of this arm. */
  readonly missing: readonly Seed[]
}

export interface CompareOptions {
  /** Name of the arm that differences are to. @default the first run's */
  readonly baseline?: string
}

/**
 * Compares completed runs by experiment, arm and parameters, paired by the parameter `seed`.
 *
 * Of several runs with the same parameters and seed the newest counts. Runs that are not completed are left out, and named.
 *
 * @param summaries as `run.result` gives them; arms appear in the order of their first run
 * @throws AbsgdError 'usage' when no run is of the arm `baseline`, or runs with several sets of parameters are
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
  // Its runs may be there and not be completed: then there is nothing to take differences to.
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
