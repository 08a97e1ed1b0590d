/** Carries out the worker's next action. Clock, files and model are given. */
import { toAbsgdError } from '../errors.js'
import type { Bye } from '../record/record.js'
import type { Command } from '../wire/message.js'
import type { BoundaryActions } from './boundary-actions.js'
import { decideCommand, withAnswer, type CommandDecision, type NextAction } from './decisions.js'
import { beginAttempt, type PlannedStep } from './plan-table.js'
import type { Session } from './session.js'
import { trained, type StateHolder } from './state.js'
import { runsOf, sampleBatchOf, stepBatchOf, type StepEntry } from './step-records.js'
import type { Telemetry } from './telemetry.js'
import type { Trainer } from './trainer.js'

export interface ActionRunner {
  perform(action: Exclude<NextAction, { type: 'wait' | 'exit' }>): void
  /** Records the steps since the last report. With `fully` false, only once there are enough of them or some time has passed. */
  report(options: { readonly fully: boolean }): void
}

export interface ActionRunnerParts {
  readonly holder: StateHolder
  readonly trainer: Trainer
  readonly boundary: BoundaryActions
  readonly telemetry: Telemetry
  readonly session: Session
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

export function createActionRunner({
  holder,
  trainer,
  boundary,
  telemetry,
  session,
  clock,
}: ActionRunnerParts): ActionRunner {
  let entries: StepEntry[] = []
  let reportedMs = clock()

  function report({ fully }: { readonly fully: boolean }): void {
    if (!fully && entries.length < REPORT_STEPS && clock() - reportedMs < REPORT_MS) return
    reportedMs = clock()
    const steps = entries
    entries = []
    for (const run of runsOf(steps)) {
      telemetry.append(stepBatchOf(run))
      const samples = sampleBatchOf(run)
      if (samples !== undefined) telemetry.appendSamples(samples)
    }
  }

  function performAction(action: Parameters<ActionRunner['perform']>[0]): void {
    // Steps are recorded before anything that happens after them.
    if (action.type !== 'train') report({ fully: true })
    switch (action.type) {
      case 'train':
        return train(action.planned)
      case 'run-command':
        return runCommand(action.command)
      case 'restore': {
        const { restorePath = '', restoreSha256 = '', attempt = 1 } = holder.state.welcome ?? {}
        return void restore(restorePath, restoreSha256, attempt)
      }
      case 'complete':
        return complete()
      case 'terminate':
        return terminate()
      case 'give-up':
        return giveUp(action.message)
      default:
        return action satisfies never
    }
  }

  function train({ row, events }: PlannedStep): void {
    const { position, welcome, waits } = holder.state
    const began = clock()
    const step = trainer.step(row)
    const every = welcome?.sampleEvery ?? 0
    const keepSamples = every > 0 && position.step % every === 0
    entries.push({ ...step, ...position, seconds: (clock() - began) / 1000, waits, keepSamples })
    holder.state = trained(holder.state)
    if (events.length > 0) report({ fully: true })
    try {
      if (events.includes('evaluate')) boundary.evaluate(holder.state.position)
    } finally {
      // A failed evaluation ends the run, but the checkpoint of this step is still written.
      if (events.includes('checkpoint')) boundary.tryToCheckpoint(holder.state.position, keep())
    }
  }

  function complete(): void {
    const { position } = holder.state
    let refusal = ''
    try {
      boundary.evaluate(position)
    } finally {
      refusal = boundary.tryToCheckpoint(position, keep())
    }
    boundary.predict(position)
    if (refusal === '') return end('completed')
    const trained = `all ${position.step} ${position.step === 1 ? 'step' : 'steps'} trained`
    end('failed', `${trained}, but the model is not saved: ${refusal}; ${REMEDY}`)
  }

  function giveUp(message: string): void {
    const refusal = boundary.tryToCheckpoint(holder.state.position, keep())
    end('orphaned', refusal === '' ? message : `${message}; the last steps are not saved: ${refusal}`)
  }

  function runCommand(command: Command): void {
    const outcome = outcomeOf(command)
    const follows = telemetry.lastSequences().steps
    const { state, effects } = withAnswer(holder.state, command.id, { ...outcome, follows })
    holder.state = state
    session.send()
    session.carryOut(effects)
    if (outcome.ok && command.action.type === 'stop' && state.leaving === undefined) end('stopped')
  }

  function outcomeOf(command: Command): { readonly ok: boolean; readonly message: string } {
    const decision = decideCommand(holder.state, command)
    if (decision.type === 'answer') {
      holder.state = decision.state
      return decision
    }
    try {
      return { ok: true, message: carryOut(decision.action) }
    } catch (thrown) {
      return { ok: false, message: `refused: ${toAbsgdError(thrown, 'run-directory').message}` }
    }
  }

  function carryOut(action: Extract<CommandDecision, { type: 'act' }>['action']): string {
    const { position } = holder.state
    switch (action.type) {
      case 'evaluate':
        boundary.predict(position)
        return boundary.evaluate(position)
      case 'checkpoint':
        return boundary.checkpoint(position, keep(), action.automatic)
      case 'restore':
        return restore(action.path, action.sha256, action.attempt)
      case 'stop':
        // The Bye comes after this answer.
        return `stopped: ${action.checkpoint ? boundary.checkpoint(position, keep()) : 'without a checkpoint'}`
      default:
        return action satisfies never
    }
  }

  function restore(path: string, sha256: string, attempt: number): string {
    const step = boundary.restore(path, sha256)
    const { state } = holder
    const plan = beginAttempt(state.plan, attempt, step)
    holder.state = { ...state, plan, position: { attempt, step }, hadRow: false, idleSinceMs: undefined }
    return `restored ${path}: step ${step}, attempt ${attempt}`
  }

  function terminate(): void {
    const { position } = holder.state
    holder.state = { ...holder.state, terminated: false }
    try {
      boundary.checkpoint(position, keep())
      end('stopped')
    } catch (thrown) {
      const { message } = toAbsgdError(thrown, 'run-directory')
      end('failed', `ended by SIGTERM without a checkpoint: ${message}`)
    }
  }

  function end(reason: Bye['reason'], message = '', traceback = ''): void {
    const { lease, position } = holder.state
    const leaseEpoch = lease ?? 0
    const bye = telemetry.appendBye({ type: 'bye', leaseEpoch, reason, position, message, traceback })
    holder.state = { ...holder.state, phase: 'ending', leaving: { bye, sinceMs: clock() } }
    session.send()
    if (lease !== undefined) session.carryOut([{ type: 'send', message: bye }])
  }

  function keep(): number {
    return holder.state.welcome?.keepCheckpoints ?? 0
  }

  return {
    report,
    perform(action) {
      try {
        performAction(action)
      } catch (thrown) {
        if (holder.state.leaving !== undefined) throw thrown
        const { message, stack = '' } = toAbsgdError(thrown, 'worker')
        report({ fully: true })
        end('failed', message, thrown instanceof Error && thrown.name !== 'AbsgdError' ? stack : '')
      }
    },
  }
}

/** A report has at most this many steps, as that of a Python worker, or those of this time. */
const REPORT_STEPS = 256
const REPORT_MS = 50
const REMEDY = 'make room on the disk or mend it, then resume the run: it goes on from its last checkpoint'
