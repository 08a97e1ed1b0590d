import { describe, expect, test } from 'vitest'
import { AbsgdError, times } from '../../src/index.js'
import { addToLedger, emptyLedger } from '../../src/history/ledger.js'
import type { StepBatch } from '../../src/record/record.js'
import { bodiesOf, launchTiny, recordsOf } from './helpers.js'

/** The value of a control at every step of the visible history, as the worker applied it. */
function appliedOf(batches: readonly StepBatch[], control: string): Map<number, number> {
  const applied = new Map<number, number>()
  // Attempts come one after the other: what a later one reports, replaces what it has gone back over.
  for (const { firstStep, count, controls } of batches)
    for (let i = 0; i < count; i++) applied.set(firstStep + i, controls[control]?.[i] ?? NaN)
  return applied
}

describe('edits of a run that trains', () => {
  test('are applied by the worker from exactly the step that the answer names, and undone with all they did', async () => {
    const run = await launchTiny(
      { length: 400, controls: { lambda: 2, gamma: 0.9, lr: 0.1 } },
      { params: { pace: 0.002 } },
    )
    for await (const report of run.reports()) if (report.step >= 20) break
    const { appliedAt } = await run.set({ lambda: -3, lr: times(0.5) }, { why: 'a test', checkpoint: true })
    const later = await run.set({ gamma: 0.5 }, { after: 40 })
    await expect(run.set({ gamma: 2 })).rejects.toThrow(/gamma.*above 0, at most 1/)
    const refused = await run.set({ lambda: 0 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(AbsgdError)
    for await (const report of run.reports()) if (report.step >= later.appliedAt + 5) break
    // Both edits are taken back, as no checkpoint lies between them.
    await expect(run.undo()).rejects.toThrow(/ask for it with run\.undo\(\{ all: true \}\)$/)
    const undone = await run.undo({ all: true })
    await run.result

    const before = await bodiesOf(run.dir, 'step-batch')
    const first = before.filter(({ attempt }) => attempt === 1)
    const lambda = appliedOf(first, 'lambda')
    expect([lambda.get(appliedAt - 1), lambda.get(appliedAt)]).toEqual([2, -3])
    const lr = appliedOf(first, 'lr')
    expect([lr.get(appliedAt - 1), lr.get(appliedAt)]).toEqual([0.1, 0.05])
    const gamma = appliedOf(first, 'gamma')
    expect([gamma.get(later.appliedAt - 1), gamma.get(later.appliedAt)]).toEqual([0.9, 0.5])

    expect(undone.appliedAt).toBeLessThanOrEqual(appliedAt)
    const second = before.filter(({ attempt }) => attempt === 2)
    expect(second[0]?.firstStep).toBe(undone.appliedAt)
    expect(new Set(appliedOf(second, 'lambda').values())).toEqual(new Set([2]))
    expect(new Set(appliedOf(second, 'gamma').values())).toEqual(new Set([0.9]))

    const ledger = (await recordsOf(run.dir)).reduce(addToLedger, emptyLedger())
    expect(ledger.lines).toMatchObject([
      { kind: 'edit', control: 'lambda', step: appliedAt, before: 2, after: -3, by: 'script', why: 'a test' },
      { kind: 'edit', control: 'lr', to: { factor: 0.5 }, state: 'taken-back' },
      { kind: 'edit', control: 'gamma', step: later.appliedAt, state: 'taken-back' },
      { kind: 'refused', edits: [{ control: 'gamma' }] },
      { kind: 'refused', edits: [{ control: 'lambda' }] },
      { kind: 'return', step: undone.appliedAt, cause: 'undo', by: 'script' },
    ])
  })
})
