/** The last two lines of the screen: a message or question, and the keys. */
import { sanitize } from '../../text/sanitize.js'
import { bindings } from '../input/keys.js'
import type { RunState } from '../feed/run-state.js'
import type { Tone } from '../status-text.js'
import { fitGroups, line, type Pieces } from '../../text/styled-line.js'
import { awaitedInWords } from '../../text/awaited.js'
import { widthOf } from '../../text/width.js'
import type { Theme } from '../theme.js'
import { selectedRun, selectedStatus, type CockpitView } from '../view.js'
import { reasonOf, shownStatusInWords, statusSentence } from '../status-text.js'

export function statusPanel(view: CockpitView, width: number, theme: Theme): string[] {
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const { text, tone } = statusOf(view, width)
  return [line([{ text: sanitize(text), paint: theme.tone[tone] }], options), keyLine(view, width, theme)]
}

/** The most important message at the moment: a question, an answer, or the status of the run. */
export function statusOf(view: CockpitView, width: number): { readonly text: string; readonly tone: Tone } {
  const { ui, nowMs } = view
  const { state, resume } = selectedRun(view)
  const status = selectedStatus(view)
  if (ui.question !== undefined) {
    const { text, short } = ui.question
    return { text: widthOf(text) <= width ? text : short, tone: 'warn' }
  }
  if (status.type === 'ended') {
    const sentence = statusSentence(status.status, state.snapshot)
    const again = status.status === 'completed' ? '' : `; ${resume} goes on`
    return {
      text: `${sentence}${reasonOf(status)}${again}; q leaves`,
      tone: shownStatusInWords(status).tone,
    }
  }
  if (status.type === 'no-controller')
    return { text: `${resume} takes the run up${workerAlone(state)}`, tone: 'bad' }
  if (ui.interrupts > 1) return { text: 'ending the run now', tone: 'warn' }
  if (ui.interrupts === 1)
    return { text: 'checkpointing and stopping; Ctrl-C once more ends it at once', tone: 'warn' }
  if (ui.message !== undefined && nowMs < ui.message.untilMs) return ui.message
  if (status.type === 'no-worker')
    return { text: 'the worker is gone: the controller starts a new one or ends the run', tone: 'bad' }
  if (status.type === 'working' && state.snapshot.worker.status === 'none')
    return { text: awaitedInWords(state.manifest.config), tone: 'plain' }
  return { text: '', tone: 'plain' }
}

/** A note that a worker may train on without a controller. A simulated worker cannot: it runs in the controller's process. */
function workerAlone({ manifest, snapshot }: RunState): string {
  if (manifest.config.simulated === true || snapshot.worker.status !== 'joined') return ''
  return '; its worker, if it lives, trains to the end of its plan'
}

function keyLine(view: CockpitView, width: number, theme: Theme): string {
  const { paint, glyph } = theme
  const groups = bindings(view).flatMap(({ shown, word }): Pieces[] =>
    word === undefined ? [] : [[{ text: shown, paint: paint.key }, ` ${word}`]],
  )
  return line(fitGroups(groups, width), { width, ellipsis: glyph.ellipsis })
}
