/** The worker: its process, device and data, and its speed. */
import { formatCount } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { exitInWords } from '../../text/wording.js'
import type { Hello } from '../../../record/record.js'
import { lostSteps } from '../../../history/run-snapshot.js'
import type { RunState } from '../feed/run-state.js'
import { apart, fitGroups, line, type Pieces } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { rule } from './rule.js'

type Entry = readonly [label: string, value: string]

/** The most important facts about the worker on one line. */
export function workerStrip(view: CockpitView, width: number, theme: Theme): string[] {
  const { paint, glyph } = theme
  const groups = entriesOf(selectedRun(view).state).map(([label, value]): Pieces => [
    { text: `${label} `, paint: paint.label },
    value,
  ])
  return [line(fitGroups(groups, width), { width, ellipsis: glyph.ellipsis })]
}

export function workerList(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { state } = selectedRun(view)
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const lines = [
    rule('worker', width, theme),
    ...[...entriesOf(state), ...moreEntries(state)].map(([label, value]) =>
      apart([{ text: label, paint: theme.paint.label }], [` ${value}`], options),
    ),
  ].slice(0, height)
  return [...lines, ...Array.from({ length: height - lines.length }, () => ' '.repeat(width))]
}

function entriesOf(state: RunState): readonly Entry[] {
  const { worker, workerRestarts, waits } = state.snapshot
  const hello = helloOf(state)
  const torch = hello?.versions['torch']
  return [
    worker.status === 'left'
      ? ['worker', exitInWords(worker)]
      : ['worker', hello === undefined ? 'none yet' : `pid ${hello.pid}`],
    ...(hello === undefined ? [] : [['on', sanitize(hello.device)] as const]),
    ...(torch === undefined ? [] : [['torch', sanitize(torch)] as const]),
    ['restarts', formatCount(workerRestarts)],
    ['waits', formatCount(waits)],
  ]
}

function moreEntries(state: RunState): readonly Entry[] {
  const { snapshot } = state
  const hello = helloOf(state)
  const last = snapshot.checkpoints.at(-1)
  return [
    ...(hello === undefined || hello.datasetSize === 0
      ? []
      : [['samples', formatCount(hello.datasetSize)] as const]),
    ...(hello === undefined || hello.batchSize === 0
      ? []
      : [['batch', formatCount(hello.batchSize)] as const]),
    ['lost steps', formatCount(lostSteps(snapshot))],
    ['checkpoint', last === undefined ? 'none yet' : `after ${formatCount(last.position.step)} steps`],
  ]
}

function helloOf({ snapshot: { worker } }: RunState): Hello | undefined {
  return worker.status === 'none' ? undefined : worker.hello
}
