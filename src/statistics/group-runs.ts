/** Groups completed runs by experiment, arm and parameters; the seed is ignored. */
import type { RunSummary } from '../history/summarize-run.js'

/** The value of the parameter `seed`, as text if it is no number; null for runs without one. */
export type Seed = number | string | null

/** Runs whose parameters are the same except for the seed. */
export interface Group {
  /** Unique among the groups. */
  readonly name: string
  readonly experiment: string
  readonly arm: string | undefined
  /** At least one. */
  readonly runs: readonly [RunSummary, ...RunSummary[]]
}

export interface Grouped {
  /** In the order of their first runs. */
  readonly groups: readonly Group[]
  readonly leftOut: readonly { readonly run: string; readonly reason: string }[]
}

export function groupRuns(summaries: readonly RunSummary[]): Grouped {
  const completed = summaries.filter(({ status }) => status === 'completed')
  const byKey = new Map<string, [RunSummary, ...RunSummary[]]>()
  for (const run of completed) {
    const key = keyOf(run)
    const runs = byKey.get(key)
    if (runs === undefined) byKey.set(key, [run])
    else runs.push(run)
  }
  const older: { run: string; reason: string }[] = []
  const latest = [...byKey.values()].map((runs) => {
    const kept = runs.filter((run) => {
      const newer = runs.find((other) => isNewer(other, run))
      if (newer !== undefined)
        older.push({ run: run.run, reason: `${newer.run} is newer, with the same seed` })
      return newer === undefined
    })
    // A fixed order, so that sums are the same to the last digit.
    return kept.toSorted((a, b) => compareSeeds(seedOf(a), seedOf(b))) as [RunSummary, ...RunSummary[]]
  })
  const unfinished = summaries
    .filter(({ status }) => status !== 'completed')
    .map(({ run, status }) => ({ run, reason: status }))
  return { groups: named(latest), leftOut: [...unfinished, ...older] }
}

export function seedOf({ config }: RunSummary): Seed {
  const { seed } = config.params
  if (seed === undefined || seed === null) return null
  return typeof seed === 'number' || typeof seed === 'string' ? seed : JSON.stringify(seed)
}

/** The parameters of a run, without its seed. */
export function settingsOf({ config }: RunSummary): Readonly<Record<string, unknown>> {
  const { seed: _, ...others } = config.params
  return others
}

/** Simulated runs are an experiment of their own, because their numbers come from a small built-in model. */
function experimentOf({ config: { experiment, simulated } }: RunSummary): string {
  return simulated === true ? `${experiment} (simulated)` : experiment
}

function compareSeeds(a: Seed, b: Seed): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return a === b ? 0 : String(a) < String(b) ? -1 : 1
}

function keyOf(run: RunSummary): string {
  const { arm = null } = run.config
  const params = Object.entries(settingsOf(run)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([experimentOf(run), arm, params])
}

/** Whether `other` replaces `run`. If both were created at the same time, the larger name counts as newer. */
function isNewer(other: RunSummary, run: RunSummary): boolean {
  const seed = seedOf(run)
  if (other === run || seed === null || seedOf(other) !== seed) return false
  return other.createdAt > run.createdAt || (other.createdAt === run.createdAt && other.run > run.run)
}

/** Names each group by its arm; also by its experiment if there are several; and by the parameters in which groups of the same name differ. */
function named(all: readonly [RunSummary, ...RunSummary[]][]): Group[] {
  const several = new Set(all.map(([first]) => experimentOf(first))).size > 1
  const plainName = (run: RunSummary) => {
    const { arm } = run.config
    return arm === undefined ? experimentOf(run) : several ? `${experimentOf(run)}/${arm}` : arm
  }
  return all.map((runs) => {
    const [first] = runs
    const experiment = experimentOf(first)
    const { arm } = first.config
    const name = plainName(first)
    const namesakes = all.filter(([other]) => plainName(other) === name).map(([other]) => settingsOf(other))
    const own = settingsOf(first)
    const differing = [...new Set(namesakes.flatMap((params) => Object.keys(params)))].filter((key) =>
      namesakes.some((params) => JSON.stringify(params[key]) !== JSON.stringify(own[key])),
    )
    const words = differing.map((key) => ` ${key}=${wordOf(own[key])}`)
    return { name: `${name}${words.join('')}`, experiment, arm, runs }
  })
}

function wordOf(value: unknown): string {
  return value === undefined ? '?' : typeof value === 'string' ? value : JSON.stringify(value)
}
