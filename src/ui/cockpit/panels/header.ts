/** The first two lines of the screen: name, status and progress of the run. */
import { formatCount, formatDuration, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { secondsLeft, stepsPerSecond } from '../../../history/series/pace.js'
import { shownStatusOf, type RunState } from '../feed/run-state.js'
import { apart, fitGroups, line, widthOfPieces, type Pieces } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { shownStatusInWords } from '../status-text.js'

export function headerPanel(view: CockpitView, width: number, theme: Theme): string[] {
  const { state } = selectedRun(view)
  return [titleLine(view, state, width, theme), progressLine(state, view.nowMs, width, theme)]
}

function titleLine(view: CockpitView, state: RunState, width: number, theme: Theme): string {
  const { run, experiment, arm, config } = state.manifest
  const { paint, tone, glyph } = theme
  const status = shownStatusInWords(shownStatusOf(state))
  const { attempt, edits } = state.snapshot
  const guarded = edits.filter(({ edited }) => edited.by === 'guard').length
  const { runs, ui } = view
  const right = fitGroups(
    [
      [{ text: `${glyph[status.glyph]} ${status.text}`, paint: tone[status.tone] }],
      [{ text: elapsedOf(state, view.nowMs), paint: paint.muted }],
      ...(guarded > 0
        ? [[{ text: guarded === 1 ? 'guard backed off' : `guard backed off ${guarded}×`, paint: tone.warn }]]
        : []),
      ...(attempt > 1 ? [[{ text: `attempt ${attempt}`, paint: paint.muted }]] : []),
      ...(runs.length > 1 ? [[{ text: `run ${ui.selected + 1} of ${runs.length}`, paint: paint.key }]] : []),
    ],
    Math.floor(width / 2),
  )
  const what = arm === undefined ? experiment : `${experiment}/${arm}`
  const left: Pieces = [
    { text: sanitize(run), paint: paint.name },
    { text: `  ${sanitize(what)}`, paint: paint.muted },
    // Marks simulated runs, so that their figures are not taken for a model's.
    ...(config.simulated === true ? [{ text: '  simulated', paint: tone.warn }] : []),
  ]
  return apart(left, [' ', ...right], { width, ellipsis: glyph.ellipsis })
}

function progressLine(state: RunState, nowMs: number, width: number, theme: Theme): string {
  const { snapshot } = state
  const { runSteps, position, stepsPerEpoch } = snapshot
  const { paint, glyph } = theme
  const share = runSteps === 0 ? undefined : Math.min(1, position / runSteps)
  const groups = groupsOf(state, nowMs).map((text) => [text])
  const forBar = share === undefined ? 0 : LEAST_BAR + 1
  const items = fitGroups(groups, width - forBar)
  if (share === undefined) return line(items, { width, ellipsis: glyph.ellipsis })
  const bar = width - widthOfPieces(items) - 1
  const filled = share === 1 ? bar : Math.min(bar - 1, Math.floor(share * bar))
  const done = stepsPerEpoch === 0 && position === 0 ? paint.muted : paint.key
  return line(
    [
      { text: glyph.filled.repeat(filled), paint: done },
      { text: glyph.empty.repeat(bar - filled), paint: paint.muted },
      ' ',
      ...items,
    ],
    { width, ellipsis: glyph.ellipsis },
  )
}

/** The most important first. Groups that do not fit are left out. */
function groupsOf(state: RunState, nowMs: number): readonly string[] {
  const { snapshot, pace } = state
  const { runSteps, position, stepsPerEpoch } = snapshot
  const total = runSteps === 0 ? '' : `/${formatCount(runSteps)}`
  const epochs = stepsPerEpoch === 0 ? undefined : position / stepsPerEpoch
  const allEpochs = stepsPerEpoch === 0 || runSteps === 0 ? '' : `/${epochsInWords(runSteps / stepsPerEpoch)}`
  const moves = shownStatusOf(state).type === 'working'
  const rate = moves ? stepsPerSecond(pace) : overallRate(state)
  const left = moves ? secondsLeft(pace, snapshot) : undefined
  const sinceMs = nowMs - (pace.points.at(-1)?.timeMs ?? nowMs)
  return [
    `${formatCount(position)}${total}`,
    ...(runSteps === 0 ? [] : [`${Math.floor((position / runSteps) * 100)} %`]),
    ...(left === undefined ? [] : [`eta ${formatDuration(Math.max(0, left - Math.max(0, sinceMs) / 1000))}`]),
    ...(rate === undefined ? [] : [`${formatNumber(rounded(rate))} steps/s`]),
    ...(epochs === undefined ? [] : [`epoch ${epochsInWords(epochs)}${allEpochs}`]),
  ]
}

/** Steps per second over the whole run, for a run that does not train now. */
function overallRate({ snapshot }: RunState): number | undefined {
  const { firstMs, latestMs, position, end } = snapshot
  if (end === undefined || firstMs === undefined || latestMs === undefined || latestMs <= firstMs)
    return undefined
  return (position / (latestMs - firstMs)) * 1000
}

function elapsedOf({ snapshot, driven }: RunState, nowMs: number): string {
  const { firstMs, latestMs, end } = snapshot
  if (firstMs === undefined || latestMs === undefined) return ''
  const untilMs = driven && end === undefined ? Math.max(nowMs, latestMs) : latestMs
  return formatDuration((untilMs - firstMs) / 1000)
}

function epochsInWords(epochs: number): string {
  return Number.isInteger(epochs) || epochs >= 1000 ? formatCount(Math.round(epochs)) : epochs.toFixed(1)
}

function rounded(rate: number): number {
  return rate >= 100 ? Math.round(rate) : Number(rate.toPrecision(3))
}

const LEAST_BAR = 8
