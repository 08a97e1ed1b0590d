/** Actions, edits, metrics, positions and states as text. */
import type { Action, ControlEdit, EditTo, EditWhen, Position } from '../../record/record.js'
import type { DamagedFile, RunSummary } from '../../history/summarize-run.js'
import type { WorkerState } from '../../history/worker-state.js'
import { formatControl, formatCount, formatNumber } from './format.js'

export function actionInWords(action: Action): string {
  switch (action.type) {
    case 'step-on':
      return `train ${formatCount(action.steps)} ${action.steps === 1 ? 'step' : 'steps'}`
    case 'restore':
      return `restore the checkpoint of step ${formatCount(action.step)}`
    case 'stop':
      return action.checkpoint ? 'checkpoint and stop' : 'stop without a checkpoint'
    case 'set':
      return action.edits.map(editInWords).join(', ')
    case 'checkpoint':
      return action.automatic === true ? 'checkpoint before an edit' : 'checkpoint'
    case 'undo':
      return action.all === true ? 'undo the last edit, and those since the checkpoint' : 'undo the last edit'
    case 'pause':
    case 'resume':
    case 'evaluate':
      return action.type
    default:
      return action satisfies never
  }
}

/** The edit as a user types it: `lambda=-2@+100`, `lr*=0.1`. */
export function editInWords({ control, to, when }: ControlEdit): string {
  return `${control}${editToInWords(to)}${whenInWords(when)}`
}

export function editToInWords(to: EditTo): string {
  return to.kind === 'schedule' ? `=${to.text}` : `*=${to.factor}`
}

function whenInWords(when: EditWhen): string {
  switch (when.kind) {
    case 'soon':
      return ''
    case 'at':
      return `@${when.step}`
    case 'after':
      return `@+${when.steps}`
    default:
      return when satisfies never
  }
}

/** One text for each metric: `train.loss 0.2031`. */
export function metricsInWords(metrics: Readonly<Record<string, number>>): string[] {
  return Object.entries(metrics).map(([name, value]) => `${name} ${formatNumber(value)}`)
}

export function controlsInWords(controls: Readonly<Record<string, number>>): string[] {
  return Object.entries(controls).map(([name, value]) => `${name} ${formatControl(name, value)}`)
}

/** `seed 1, noise 0.3, kind asymmetric`. */
export function paramsInWords(params: Readonly<Record<string, unknown>>): string {
  return Object.entries(params)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

/** How a worker's process ended: `exit code 1`, `signal SIGKILL`. */
export function exitInWords({
  exitCode,
  signal,
}: Pick<WorkerState & { status: 'left' }, 'exitCode' | 'signal'>): string {
  if (signal !== '') return `signal ${signal}`
  return exitCode === undefined ? 'exit code unknown' : `exit code ${exitCode}`
}

/** A position is between two steps: `after 3 steps`. */
export function positionInWords({ step }: Position): string {
  return `after ${formatCount(step)} ${step === 1 ? 'step' : 'steps'}`
}

/** `running (paused)`, `completed`, `lost (worker trains on)`. */
export function statusInWords({
  status,
  phase,
  pids,
}: Pick<RunSummary, 'status' | 'phase' | 'pids'>): string {
  if (status === 'lost' && pids !== undefined) return 'lost (worker trains on)'
  const word = status === 'held-elsewhere' ? 'held elsewhere' : status
  return phase === undefined || phase === 'training' ? word : `${word} (${phase})`
}

export function damageInWords({ file, offset, message }: DamagedFile): string {
  return offset === undefined ? `${file}: ${message}` : `${file}, byte ${formatCount(offset)}: ${message}`
}
