/** In which settings the runs that are compared differ, besides what arms are for. */
import type { RunSummary } from '../history/summarize-run.js'
import { settingsOf, type Group } from './group-runs.js'

export interface DifferingSetting {
  /** `params.lr`, `length`, `controls.lambda`. */
  readonly setting: string
  /** Each value, and who has it: arms, or runs. */
  readonly values: readonly { readonly value: unknown; readonly of: readonly string[] }[]
}

/** Parameters but the seed, and settings but the controls, that are not the same in all groups. */
export function differingSettings(groups: readonly Group[]): readonly DifferingSetting[] {
  return differing(
    groups.map(({ name, runs: [first] }) => ({ name, settings: { ...paramsOf(first), ...configOf(first) } })),
  )
}

/** Settings, controls too, in which the runs of one group differ. Parameters cannot: they make the group. */
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

/** What decides about the figures: how long, on what, measured when. */
function configOf({ config: { task, length, evaluate, objective } }: RunSummary): Record<string, unknown> {
  return { task, length, evaluate, objective }
}

function prefixed(prefix: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]))
}
