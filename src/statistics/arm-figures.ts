/** The figures of one metric for each arm, and its differences to the baseline. */
import type { RunSummary } from '../history/summarize-run.js'
import { seedOf, type Group } from './group-runs.js'
import { confidenceInterval, mean, standardDeviation, type Interval } from './mean-and-interval.js'

export interface Objective {
  readonly metric: string
  readonly goal: 'maximize' | 'minimize'
}

export interface ComparedMetric {
  /** Name of the metric: `val.accuracy`. */
  readonly metric: string
  /** Measured after the last step, or after the best step by the objective. */
  readonly at: 'last' | 'best'
  /** Whether larger or lower values win: as in the objective; else lower for names with "loss" or "error" in them, and larger for all others. */
  readonly wins: 'larger' | 'lower'
  /** In the order of the arms. */
  readonly arms: readonly ArmFigures[]
}

export interface ArmFigures {
  readonly name: string
  /** Number of runs that have the metric. */
  readonly n: number
  /** Mean over these runs; null if there are none. */
  readonly mean: number | null
  /** Sample standard deviation, with n − 1; null for fewer than two runs. */
  readonly sd: number | null
  /** Difference to the baseline; null for the baseline itself, and if no seed has a run of both. */
  readonly difference: PairedDifference | null
}

/** Arm minus baseline for each seed, so that the effect of the seed on both cancels out. */
export interface PairedDifference {
  readonly pairs: number
  readonly mean: number
  readonly sd: number | null
  /** 95 % confidence interval by Student's t; null for fewer than three pairs. */
  readonly interval: Interval | null
  /** Number of seeds with which the arm wins; `ties`: with which both are equal. A value that is not finite never wins. */
  readonly wins: number
  readonly ties: number
}

/** The metrics in the order of importance, with the steps at which they are measured. */
export function metricsOf(groups: readonly Group[], objective: string | undefined) {
  const runs = groups.flatMap((group) => group.runs)
  const namesOf = (metrics: (run: RunSummary) => Readonly<Record<string, number>>) =>
    new Set(runs.flatMap((run) => Object.keys(metrics(run))))
  const final = namesOf((run) => run.final)
  const best = namesOf((run) => run.best?.metrics ?? {})
  const rank = (name: string) =>
    name === objective ? 0 : best.has(name) ? 1 : name.startsWith('train.') ? 3 : 2
  const names = [...new Set([...best, ...final])].toSorted((a, b) => rank(a) - rank(b))
  return names.flatMap((metric) => [
    ...(final.has(metric) ? [{ metric, at: 'last' as const }] : []),
    ...(best.has(metric) ? [{ metric, at: 'best' as const }] : []),
  ])
}

interface Measured {
  readonly metric: string
  readonly at: 'last' | 'best'
  readonly objective: Objective | null
}

export function figuresOf(group: Group, base: Group | undefined, measured: Measured): ArmFigures {
  const values = group.runs.flatMap((run) => valueOf(run, measured))
  const pairs = base === undefined || base === group ? [] : pairsOf(group, base, measured)
  return {
    name: group.name,
    n: values.length,
    mean: values.length === 0 ? null : mean(values),
    sd: values.length < 2 ? null : standardDeviation(values),
    difference: pairs.length === 0 ? null : paired(pairs, winnerOf(measured.metric, measured.objective)),
  }
}

interface Pair {
  readonly own: number
  readonly its: number
}

function pairsOf(group: Group, base: Group, measured: Measured): Pair[] {
  return group.runs.flatMap((run) => {
    const seed = seedOf(run)
    const partner = seed === null ? undefined : base.runs.find((other) => seedOf(other) === seed)
    if (partner === undefined) return []
    return valueOf(run, measured).flatMap((own) => valueOf(partner, measured).map((its) => ({ own, its })))
  })
}

function paired(pairs: readonly Pair[], winner: ComparedMetric['wins']): PairedDifference {
  const sign = winner === 'larger' ? 1 : -1
  const differences = pairs.map(({ own, its }) => own - its)
  return {
    pairs: differences.length,
    mean: mean(differences),
    sd: differences.length < 2 ? null : standardDeviation(differences),
    interval: confidenceInterval(differences) ?? null,
    wins: pairs.filter((pair) => isWin(pair, sign)).length,
    ties: pairs.filter(({ own, its }) => own === its).length,
  }
}

function isWin({ own, its }: Pair, sign: number): boolean {
  if (!Number.isFinite(own)) return false
  return !Number.isFinite(its) || sign * (own - its) > 0
}

function valueOf(run: RunSummary, { metric, at }: Measured): readonly number[] {
  const value = (at === 'last' ? run.final : run.best?.metrics)?.[metric]
  return value === undefined ? [] : [value]
}

export function winnerOf(metric: string, objective: Objective | null): ComparedMetric['wins'] {
  if (metric === objective?.metric) return objective.goal === 'maximize' ? 'larger' : 'lower'
  return /loss|error/i.test(metric) ? 'lower' : 'larger'
}
