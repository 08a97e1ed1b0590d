/** Carries out what a worker decided to do at a step boundary. Clock, files and model are given. */
import { toAbsgdError } from '../errors.js'
import type { Bye } from '../record/record.js'
import type { Command } from '../wire/message.js'
import { answered, judge, type Verdict } from './commands.js'
import type { Deed } from './decisions.js'
import type { Deeds } from './deeds.js'
import type { Link } from './link.js'
import { beginAttempt, type PlannedStep } from './plan-table.js'
import { runsOf, sampleBatchOf, stepBatchOf, type StepEntry } from './reports.js'
import { trained, type Self } from './state.js'
import type { Telemetry } from './telemetry.js'
import type { Trainer } from './trainer.js'

export interface Work {
  perform(deed: Exclude<Deed, { type: 'stand' | 'exit' }>): void
  /** Puts what was trained since the last time into records; `fully` false: only when there is a report's worth of it. */
  report(options: { readonly fully: boolean }): void
}

export interface WorkParts {
  readonly self: Self
  readonly trainer: Trainer
  readonly deeds: Deeds
  readonly telemetry: Telemetry
  readonly link: Link
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

export function createWork({ self, trainer, deeds, telemetry, link, clock }: WorkParts): Work {
  let entries: StepEntry[] = []
  let reportedMs = clock()

  function report({ fully }: { readonly fully: boolean }): void {
    if (!fully && entries.length < REPORT_STEPS && clock() - reportedMs < REPORT_MS) return
    reportedMs = clock()
    const taken = entries
    entries = []
    for (const run of runsOf(taken)) {
      telemetry.append(stepBatchOf(run))
      const samples = sampleBatchOf(run)
      if (samples !== undefined) telemetry.appendSamples(samples)
    }
  }

  function perform(deed: Parameters<Work['perform']>[0]): void {
    // What happens between two steps is recorded behind the steps before it.
    if (deed.type !== 'train') report({ fully: true })
    switch (deed.type) {
      case 'train':
        return train(deed.planned)
      case 'obey':
        return obey(deed.command)
      case 'restore': {
        const { restorePath = '', restoreSha256 = '', attempt = 1 } = self.state.welcome ?? {}
        return void restore(restorePath, restoreSha256, attempt)
      }
      case 'complete':
        return complete()
      case 'terminate':
        return terminate()
      case 'give-up':
        return giveUp(deed.message)
      default:
        return deed satisfies never
    }
  }

  function train({ row, events }: PlannedStep): void {
    const { position, welcome, waits } = self.state
    const began = clock()
    const step = trainer.step(row)
    const every = welcome?.sampleEvery ?? 0
    const keepSamples = every > 0 && position.step % every === 0
    entries.push({ ...step, ...position, seconds: (clock() - began) / 1000, waits, keepSamples })
    self.state = trained(self.state)
    if (events.length > 0) report({ fully: true })
    try {
      if (events.includes('evaluate')) deeds.evaluate(self.state.position)
    } finally {
      // What goes wrong in an evaluation ends the run, and must not cost the checkpoint of this step.
      if (events.includes('checkpoint')) deeds.tryToCheckpoint(self.state.position, keep())
    }
  }

  function complete(): void {
    const { position } = self.state
    let refusal = ''
    try {
      deeds.evaluate(position)
    } finally {
      refusal = deeds.tryToCheckpoint(position, keep())
    }
    deeds.predict(position)
    if (refusal === '') return end('completed')
    const trained = `all ${position.step} ${position.step === 1 ? 'step' : 'steps'} trained`
    end('failed', `${trained}, but the model is not saved: ${refusal}; ${REMEDY}`)
  }

  function giveUp(message: string): void {
    const refusal = deeds.tryToCheckpoint(self.state.position, keep())
    end('orphaned', refusal === '' ? message : `${message}; the last steps are not saved: ${refusal}`)
  }

  function obey(command: Command): void {
    const outcome = outcomeOf(command)
    const { state, effects } = answered(self.state, command.id, outcome)
    self.state = state
    link.turn()
    link.carryOut(effects)
    if (outcome.ok && command.action.type === 'stop' && state.leaving === undefined) end('stopped')
  }

  function outcomeOf(command: Command): { readonly ok: boolean; readonly message: string } {
    const verdict = judge(self.state, command)
    if (verdict.type === 'answer') {
      self.state = verdict.state
      return verdict
    }
    try {
      return { ok: true, message: carryOut(verdict.action) }
    } catch (thrown) {
      return { ok: false, message: `refused: ${toAbsgdError(thrown, 'run-directory').message}` }
    }
  }

  function carryOut(action: Extract<Verdict, { type: 'do' }>['action']): string {
    const { position } = self.state
    switch (action.type) {
      case 'evaluate':
        deeds.predict(position)
        return deeds.evaluate(position)
      case 'checkpoint':
        return deeds.checkpoint(position, keep(), action.automatic)
      case 'restore':
        return restore(action.path, action.sha256, action.attempt)
      case 'stop':
        // The last word comes after the answer.
        return `stopped: ${action.checkpoint ? deeds.checkpoint(position, keep()) : 'without a checkpoint'}`
      default:
        return action satisfies never
    }
  }

  function restore(path: string, sha256: string, attempt: number): string {
    const step = deeds.restore(path, sha256)
    const { state } = self
    const plan = beginAttempt(state.plan, attempt, step)
    self.state = { ...state, plan, position: { attempt, step }, hadRow: false, standingSinceMs: undefined }
    return `restored ${path}: step ${step}, attempt ${attempt}`
  }

  function terminate(): void {
    const { position } = self.state
    self.state = { ...self.state, terminated: false }
    try {
      deeds.checkpoint(position, keep())
      end('stopped')
    } catch (thrown) {
      const { message } = toAbsgdError(thrown, 'run-directory')
      end('failed', `ended by SIGTERM without a checkpoint: ${message}`)
    }
  }

  function end(reason: Bye['reason'], message = '', traceback = ''): void {
    const { lease, position } = self.state
    const word = { type: 'bye', leaseEpoch: lease ?? 0, reason, position, message, traceback } as const
    const bye = telemetry.appendBye(word)
    self.state = { ...self.state, phase: 'ending', leaving: { bye, sinceMs: clock() } }
    link.turn()
    if (lease !== undefined) link.carryOut([{ type: 'send', message: bye }])
  }

  function keep(): number {
    return self.state.welcome?.keepCheckpoints ?? 0
  }

  return {
    report,
    perform(deed) {
      try {
        perform(deed)
      } catch (thrown) {
        if (self.state.leaving !== undefined) throw thrown
        const { message, stack = '' } = toAbsgdError(thrown, 'worker')
        report({ fully: true })
        end('failed', message, thrown instanceof Error && thrown.name !== 'AbsgdError' ? stack : '')
      }
    },
  }
}

/** As many steps as a Python worker puts into one report, or what gathers in this time. */
const REPORT_STEPS = 256
const REPORT_MS = 50
const REMEDY = 'make room on the disk or mend it, then resume the run: it goes on from its last checkpoint'
