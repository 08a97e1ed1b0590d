/** A set of runs in pairs: one seed each, with λ off and with a schedule, or in two arms. */
import { AbsgdError } from '../errors.js'
import { planRunSet, type PlannedRun, type RunSet, type RunSetOptions } from './run-set.js'

/** What is compared with the first of a pair. */
export type Treatment =
  /** λ as this text against λ off, in an arm of the experiment or in none. */
  | { readonly kind: 'lambda'; readonly text: string; readonly arm?: string }
  /** The second arm against the first. */
  | { readonly kind: 'arms'; readonly arms: readonly [string, string] }

export interface Pair {
  readonly seed: number
  /** The names of the runs. */
  readonly first: string
  readonly second: string
}

export interface PairSet {
  readonly set: RunSet
  readonly pairs: readonly Pair[]
  /** What the two are called. */
  readonly names: readonly [string, string]
}

export type PairSetOptions = Omit<RunSetOptions, 'arms' | 'seeds'> & { readonly seeds: readonly number[] }

/**
 * Plans two runs per seed, without starting any. The same options give the same names, so that an interrupted set is continued; two arms
 * have the names that `absgd run --arm a,b` gives them.
 *
 * @throws AbsgdError as {@link planRunSet}, and 'usage' when λ is set besides
 */
export async function planPairSet(options: PairSetOptions, treatment: Treatment): Promise<PairSet> {
  const [first, second] =
    treatment.kind === 'arms'
      ? await setsOfArms(options, treatment.arms)
      : await setsOfLambda(options, treatment)
  const names = treatment.kind === 'arms' ? treatment.arms : (['off', 'lambda'] as const)
  const pairs = options.seeds.map((seed, i) => ({
    seed,
    first: first.runs[i]!.manifest.run,
    second: second.runs[i]!.manifest.run,
  }))
  return { set: { ...first, arms: names, runs: inTurns(first.runs, second.runs) }, pairs, names }
}

async function setsOfArms(options: PairSetOptions, [first, second]: readonly [string, string]) {
  return [
    await planRunSet({ ...options, arms: [first] }),
    await planRunSet({ ...options, arms: [second] }),
  ] as const
}

async function setsOfLambda(
  options: PairSetOptions,
  { text, arm }: Extract<Treatment, { kind: 'lambda' }>,
): Promise<readonly [RunSet, RunSet]> {
  const { set = {}, name = `${options.experiment.spec.name}-ab` } = options
  if (Object.hasOwn(set, 'lambda')) {
    throw new AbsgdError('usage', `lambda is set twice: to ${text} and to ${set['lambda']}`, {
      hint: 'give one of them',
    })
  }
  const withLambda = (ending: string, lambda: string) =>
    planRunSet({
      ...options,
      ...(arm === undefined ? {} : { arms: [arm] }),
      set: { ...set, lambda },
      name: `${name}-${ending}`,
    })
  return [await withLambda('off', 'off'), await withLambda('lambda', text)]
}

function inTurns(first: readonly PlannedRun[], second: readonly PlannedRun[]): readonly PlannedRun[] {
  return first.flatMap((run, i) => [run, second[i]!])
}
