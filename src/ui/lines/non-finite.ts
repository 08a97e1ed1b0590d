/** Text about losses and metrics that become NaN or infinite, or finite again. */
import type { NonFinite, Stretch } from '../../history/series/non-finite-stretches.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { formatCount, formatNumber } from '../text/format.js'

/** A change between two states of a run: one sentence about all numbers that became NaN or infinite, or finite again. */
export interface NonFiniteEvent {
  readonly type: 'began' | 'ended'
  readonly text: string
}

export function nonFiniteEvents(before: NonFinite, after: NonFinite): readonly NonFiniteEvent[] {
  if (before === after) return []
  const events = new Map<string, { type: NonFiniteEvent['type']; names: string[]; stretch: Stretch }>()
  const add = (type: NonFiniteEvent['type'], name: string, stretch: Stretch, ofSteps: boolean) => {
    if (stretch.ordinal > REPORTED_STRETCHES) return
    const step = type === 'began' ? stretch.from : stretch.until
    const key = [type, step, ofSteps, stretch.value, stretch.values, stretch.ordinal].join(' ')
    const event = events.get(key)
    if (event === undefined) events.set(key, { type, names: [name], stretch })
    else event.names.push(name)
  }
  for (const [name, number] of after) {
    const known = before.get(name)
    if (known === number) continue
    for (const stretch of number.stretches) {
      const was = known?.stretches.find(({ ordinal }) => ordinal === stretch.ordinal)
      if (was === undefined) add('began', name, stretch, number.ofSteps)
      if (stretch.until !== undefined && was?.until === undefined) add('ended', name, stretch, number.ofSteps)
    }
  }
  return [...events.values()].map(({ type, names, stretch }) => {
    const { ofSteps } = after.get(names[0]!)!
    return {
      type,
      text: type === 'began' ? beganText(names, stretch, ofSteps) : endedText(names, stretch, ofSteps),
    }
  })
}

/** `train.loss: 10 values, steps 150 to 159` for each number that is or was not finite; the current ones first. */
export function nonFiniteInWords(nonFinite: NonNullable<RunSummary['nonFinite']>): string[] {
  const ordered = [...nonFinite.filter(({ now }) => now), ...nonFinite.filter(({ now }) => !now)]
  return ordered.map(({ name, values, stretches, firstStep, lastStep, now }) => {
    const count = `${formatCount(values)} ${values === 1 ? 'value' : 'values'}`
    const times = stretches === 1 ? '' : ` in ${formatCount(stretches)} stretches`
    const where =
      firstStep === lastStep
        ? `step ${formatCount(firstStep)}`
        : `steps ${formatCount(firstStep)} to ${formatCount(lastStep)}`
    return `${name}: ${count}${times}, ${where}${now ? ', the latest one included' : ''}`
  })
}

function beganText(names: readonly string[], { value, from, ordinal }: Stretch, ofSteps: boolean): string {
  const is = names.length === 1 ? 'is' : 'are'
  const last = ordinal === REPORTED_STRETCHES ? '; this is not said again: "absgd show" counts it' : ''
  return `${listOf(names)} ${is} ${formatNumber(value)} ${placeOf(from, ofSteps)}${last}`
}

function endedText(names: readonly string[], { until, values }: Stretch, ofSteps: boolean): string {
  const [is, unit] = [names.length === 1 ? 'is' : 'are', ofSteps ? 'step' : 'evaluation']
  const were = values === 1 ? `1 ${unit} was not` : `${formatCount(values)} ${unit}s were not`
  return `${listOf(names)} ${is} finite again ${placeOf(until!, ofSteps)}: ${were}`
}

/** `step 5` for a number of a step; `after 6 steps` for a number of an evaluation. */
function placeOf(step: number, ofSteps: boolean): string {
  return ofSteps ? `from step ${formatCount(step)} on` : `after ${formatCount(step + 1)} steps`
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN)
  const more = names.length - shown.length
  if (more > 0)
    return `${shown.join(', ')} and ${formatCount(more)} other ${more === 1 ? 'number' : 'numbers'}`
  return shown.length < 2 ? shown.join() : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** Later changes of a number are not reported: a number that changes all the time would fill the log. */
const REPORTED_STRETCHES = 5
const NAMES_SHOWN = 3
