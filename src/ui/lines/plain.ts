/** A run as lines of text without colours, for logs, pipes and small terminals; at most 80 columns wide, unless names are longer. */
import { mainWeighing } from '../../history/series/main-weighing.js'
import type { Manifest } from '../../record/manifest.js'
import type { LogRecord, Phase, StepBatch } from '../../record/record.js'
import { initialSnapshot, reduce, type RunSnapshot } from '../../history/run-snapshot.js'
import { configOf, type RunSummary } from '../../history/summarize-run.js'
import { eventLines } from './events.js'
import { endLines, headerLines, simulatedLines } from './page.js'
import { evaluationLine, progressLine } from './progress.js'

export interface PlainOutput {
  /** The lines of the next record. */
  linesOf(record: LogRecord): readonly string[]
  /** The last lines of the run. */
  end(summary: RunSummary): readonly string[]
}

export function createPlainOutput(manifest: Manifest, dir: string): PlainOutput {
  let state = initialPlain(manifest, dir)
  return {
    linesOf(record) {
      const { state: next, lines } = plainLines(state, record)
      state = next
      return lines
    },
    end: (summary) => ['', ...endLines(summary, { withDetail: summary.detail !== state.toldDetail })],
  }
}

export interface PlainState {
  readonly manifest: Manifest
  readonly dir: string
  readonly snapshot: RunSnapshot
  /** Start of the current measurement of pace; absent before the first report after a start or a pause. */
  readonly anchor: { readonly timeMs: number; readonly step: number } | undefined
  /** Time of the record for which the last progress line was printed. */
  readonly toldMs: number | undefined
  /** For the batches since then: the sum of the mean losses of their steps, and the number of steps. */
  readonly loss: { readonly sum: number; readonly steps: number }
  readonly phase: Phase
  /** The last lines of a worker, as far as they were printed. */
  readonly toldDetail: string | undefined
}

export function initialPlain(manifest: Manifest, dir: string): PlainState {
  return {
    manifest,
    dir,
    snapshot: initialSnapshot(),
    anchor: undefined,
    toldMs: undefined,
    loss: NO_LOSS,
    phase: 'starting',
    toldDetail: undefined,
  }
}

/** The lines for a record, and the state after it. */
export function plainLines(before: PlainState, record: LogRecord): { state: PlainState; lines: string[] } {
  const state = { ...before, snapshot: reduce(before.snapshot, record) }
  const { body, timeMs } = record
  const { manifest, dir, phase, snapshot } = state
  const lines = eventLines(body, { run: manifest.run, before: before.snapshot, after: snapshot, phase })
  switch (body.type) {
    case 'step-batch': {
      const { state: next, lines: progress } = trained(state, body, timeMs)
      return { state: next, lines: [...lines, ...progress] }
    }
    case 'evaluation': {
      const line = evaluationLine(snapshot, body, manifest.config.objective?.metric)
      // Prints a progress line too, even in a run that evaluates often: this line has neither loss nor lambda.
      return { state, lines: [line, ...lines] }
    }
    case 'controller-started':
      if (lines.length > 0) return { state, lines: [...simulatedLines(manifest.config), ...lines] }
      return { state, lines: headerLines(manifest.run, dir, configOf(manifest)) }
    case 'worker-joined':
      return { state: { ...state, anchor: undefined, loss: NO_LOSS, phase: 'starting' }, lines }
    case 'rewind':
      return { state: { ...state, anchor: undefined, loss: NO_LOSS }, lines }
    case 'worker-left':
      return { state: { ...state, toldDetail: lines.length > 0 ? body.lastLines : undefined }, lines }
    case 'progress':
      return { state: inPhase(state, body.phase), lines }
    default:
      return { state, lines }
  }
}

/** Adds a batch. A progress line is printed at most every 3 seconds, and at most 50 times in the time since training (re)started. */
function trained(
  state: PlainState,
  batch: StepBatch,
  timeMs: number,
): { state: PlainState; lines: string[] } {
  const { snapshot } = state
  const anchor = state.anchor ?? { timeMs, step: snapshot.position }
  const toldMs = state.toldMs ?? timeMs
  const loss = withLosses(state.loss, batch)
  const taken = { ...state, anchor, toldMs, loss }
  const quietMs = Math.max(QUIET_MS, (timeMs - anchor.timeMs) / 50)
  if (timeMs - toldMs < quietMs || batch.attempt !== snapshot.attempt) return { state: taken, lines: [] }
  const line = progressLine(snapshot, {
    loss: latestLoss(snapshot) ?? (loss.steps === 0 ? undefined : loss.sum / loss.steps),
    secondsPerStep: (timeMs - anchor.timeMs) / 1000 / (snapshot.position - anchor.step),
  })
  return { state: { ...taken, toldMs: timeMs, loss: NO_LOSS }, lines: [line] }
}

/** Adds the finite values of the main loss. Values that are not finite are reported by a line of their own. */
function withLosses({ sum, steps }: PlainState['loss'], batch: StepBatch): PlainState['loss'] {
  const losses = [...(mainWeighing(batch)?.meanLoss ?? [])].filter(Number.isFinite)
  return { sum: losses.reduce((total, loss) => total + loss, sum), steps: steps + losses.length }
}

/** The loss of the last step if it is not finite: a mean over earlier steps would hide it. */
function latestLoss({ last }: RunSnapshot): number | undefined {
  const loss = last?.numbers['train.loss']
  return Number.isFinite(loss) ? undefined : loss
}

/** A pause restarts the measurement of pace. */
function inPhase(state: PlainState, phase: Phase): PlainState {
  const stands = phase === 'paused' || phase === 'waiting'
  return { ...state, phase, ...(stands ? { anchor: undefined } : {}) }
}

const NO_LOSS = { sum: 0, steps: 0 }
const QUIET_MS = 3000
