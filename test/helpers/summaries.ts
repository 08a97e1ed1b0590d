/** Summaries of runs that were never trained, for what compares them. */
import type { RunSummary } from '../../src/history/summarize-run.js'
import { manifest } from './records.js'

export interface SummaryFacts {
  readonly experiment?: string
  readonly arm?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly status?: RunSummary['status']
  readonly final?: Readonly<Record<string, number>>
  /** The value of every metric at the best step; the objective is `val.accuracy`. */
  readonly best?: Readonly<Record<string, number>>
  readonly more?: Partial<RunSummary>
  readonly config?: Partial<RunSummary['config']>
}

/** Named after its arm and seed. */
export function summary(facts: SummaryFacts): RunSummary {
  const { experiment = 'digits', arm, params = {}, best } = facts
  const name = [arm ?? experiment, ...Object.values(params).map(String)].join('-')
  return {
    status: facts.status ?? 'completed',
    run: name,
    dir: `/runs/${name}`,
    attempt: 1,
    steps: 100,
    runSteps: 100,
    epochs: 10,
    workerRestarts: 0,
    lostSteps: 0,
    duplicatedSteps: 0,
    waits: 0,
    final: facts.final ?? {},
    best:
      best === undefined
        ? null
        : {
            metric: 'val.accuracy',
            value: best['val.accuracy'] ?? NaN,
            step: 49,
            split: 'val',
            metrics: best,
          },
    controls: {},
    config: {
      ...manifest().config,
      experiment,
      ...(arm === undefined ? {} : { arm }),
      params,
      version: '0.1.0',
      ...facts.config,
    },
    createdAt: '2025-01-01T00:00:00.000Z',
    seconds: 10,
    warnings: [],
    checkpoints: [],
    ...facts.more,
  }
}

/** A run an entry, its seed the place in the list from 0, its last `val.accuracy` the number. */
export function armOf(arm: string, accuracies: readonly number[]): RunSummary[] {
  return accuracies.map((accuracy, seed) =>
    summary({ arm, params: { seed }, final: { 'val.accuracy': accuracy } }),
  )
}
