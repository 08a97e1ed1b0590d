/** Finds the settings in which compared runs differ, other than the controls of their arms. */
import { reviewsInWords } from '../history/reviews.js'
import type { RunSummary } from '../history/summarize-run.js'
import { settingsOf, type Group } from './group-runs.js'

export interface DifferingSetting {
  /** `params.lr`, `length`, `controls.lambda`. */
  readonly setting: string
  /** Each value, with the names of the arms or runs that have it. */
  readonly values: readonly { readonly value: unknown; readonly of: readonly string[] }[]
}

/** Parameters (without the seed) and settings (without the controls) that are not the same in all groups. */
export function differingSettings(groups: readonly Group[]): readonly DifferingSetting[] {
  return differing(
    groups.map(({ name, runs: [first] }) => ({ name, settings: { ...paramsOf(first), ...configOf(first) } })),
  )
}

/** Settings, controls included, in which the runs of one group differ. Their parameters are equal, because these define the group. */
export function differencesWithin(
  groups: readonly Group[],
): readonly (DifferingSetting & { readonly arm: string })[] {
  return groups.flatMap(({ name: arm, runs }) =>
    differing(runs.map((run) => ({ name: run.run, settings: { ...configOf(run), ...controlsOf(run) } }))).map(
      (setting) => ({ arm, ...setting }),
    ),
  )
}

interface Named {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
}

function differing(all: readonly Named[]): DifferingSetting[] {
  const names = [...new Set(all.flatMap(({ settings }) => Object.keys(settings)))]
  return names.flatMap((setting) => {
    const values = new Map<string, { value: unknown; of: string[] }>()
    for (const { name, settings } of all) {
      const value = settings[setting] ?? null
      const key = JSON.stringify(value)
      const known = values.get(key)
      if (known === undefined) values.set(key, { value, of: [name] })
      else known.of.push(name)
    }
    return values.size > 1 ? [{ setting, values: [...values.values()] }] : []
  })
}

function paramsOf(run: RunSummary): Record<string, unknown> {
  return prefixed('params', settingsOf(run))
}

function controlsOf(run: RunSummary): Record<string, unknown> {
  return prefixed('controls', run.config.controls)
}

/** What affects the metrics: task, length, evaluation, objective, and the review of the data. */
function configOf({ config, reviews }: RunSummary): Record<string, unknown> {
  const { task, length, evaluate, objective } = config
  return {
    task,
    length,
    evaluate,
    objective,
    ...(reviews === undefined ? {} : { review: reviewsInWords(reviews) }),
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]))
}
