import { describe, expect, test } from 'vitest'
import type { ControllerContext, ControllerState } from '../../../src/controller/state/state.js'
import { initialState } from '../../../src/controller/state/state.js'
import type { Body, Decided, Plan, SampleBatch, StepBatch } from '../../../src/record/record.js'
import { join, constant, off } from '../../../src/index.js'
import { feedback } from '../../../src/schedule/feedback/custom-feedback.js'
import { compileSegments } from '../../../src/schedule/compile-schedule.js'
import type { ReportedStep } from '../../../src/schedule/feedback/feedback-rule.js'
import type { Source } from '../../../src/schedule/schedule.js'
import { column } from '../../../src/schedule/compile-schedule.js'
import { GUARD } from '../../../src/schedule/feedback/guard.js'
import { weighing } from '../../helpers/records.js'
import { appended, checkpoint, context, drive, hello, sent } from '../../helpers/controller.js'

const RUN_STEPS = 200

/** The report of a step, with a loss that depends on the step and its lambda. */
function stepsOf(first: number, count: number, attempt = 1): StepBatch {
  const mean = (step: number) => 1 + step / 1000 + attempt / 10
  return {
    type: 'step-batch',
    attempt,
    firstStep: first,
    count,
    controls: { lambda: new Float64Array(count).fill(-2) },
    weighings: [
      weighing(count, { meanLoss: Float64Array.from({ length: count }, (_, i) => mean(first + i)) }),
    ],
    metrics: {},
    stepSeconds: new Float32Array(count),
    waits: 0,
  }
}

function samplesOf(first: number, count: number, attempt = 1): SampleBatch {
  return {
    type: 'sample-batch',
    attempt,
    steps: Array.from({ length: count }, (_, i) => ({
      step: first + i,
      losses: Float32Array.of(first + i, attempt),
      weights: new Float32Array(2),
      indices: new Uint32Array(2),
      labels: new Uint32Array(),
      weighing: 'loss',
    })),
  }
}

/** Off for 20 steps, then minus the mean of the losses in the window, and minus the counter in the state. */
const rule = (losses: boolean) =>
  feedback<number>(
    (window, state) => ({
      value:
        -1 -
        window.reduce((sum, seen) => sum + (losses ? (seen.losses?.[0] ?? NaN) : seen.meanLoss), 0) / 1000,
      state: state + window.length,
    }),
    { init: -5, lag: 16, window: 8, every: 4, start: 0, losses },
  )

const spec = (lambda: Source, more: Partial<ControllerContext> = {}): ControllerContext => {
  const segments = new Map([['lambda', compileSegments(lambda, { stepsPerEpoch: 20, runSteps: RUN_STEPS })]])
  return {
    ...context,
    ...more,
    compile: () => ({
      runSteps: RUN_STEPS,
      segments,
      rows: (first, count) => ({ lambda: column(segments.get('lambda')!, first, count) }),
      events: () => [],
      warnings: [],
    }),
  }
}

const withRule = (losses = false) => spec(join(off().for(20), rule(losses)))

interface Said {
  readonly plans: Plan[]
  readonly decided: Decided[]
}

/** Trains to the end: reports all steps that have rows, in batches of `sizes`. */
function trained(
  using: ControllerContext,
  sizes: () => number,
  stray: (step: number) => Body[] = () => [],
): Said {
  const said: Said = { plans: [], decided: [] }
  const controller = drive(initialState(), using)
  let planned = 0
  const note = (effects: Parameters<typeof appended>[0]) => {
    for (const body of appended(effects)) if (body.type === 'decided') said.decided.push(body)
    for (const message of sent(effects)) {
      if (message.type !== 'plan') continue
      said.plans.push(message)
      planned = Math.max(planned, message.firstStep + message.count)
    }
  }
  note(controller.message(hello()))
  for (let step = 0; step < RUN_STEPS;) {
    expect(planned).toBeGreaterThan(step)
    const count = Math.min(sizes(), planned - step)
    note(controller.telemetry(stepsOf(step, count)))
    for (const body of stray(step + count)) note(controller.telemetry(body))
    step += count
  }
  return said
}

describe('a feedback schedule', () => {
  test('has rows up to the last decided step, and no further', () => {
    const { plans } = trained(withRule(), () => 1)
    const first = plans.filter(({ firstStep }) => firstStep < 20)
    expect(first.map(({ firstStep, count }) => [firstStep, count])).toEqual([[0, 20]])
    // Before any report, decisions that depend on steps ≤ t - lag are possible up to t = lag.
    expect(plans.every(({ count, firstStep }) => firstStep < 20 || count === 4)).toBe(true)
    expect(plans.reduce((sum, { count }) => sum + count, 0)).toBe(RUN_STEPS)
  })

  test('decides only from the reports of its window, `lag` steps before', () => {
    const windows: (readonly [number, readonly number[]])[] = []
    const watching = feedback(
      (window: readonly ReportedStep[], _state, step) => {
        windows.push([step, window.map((seen) => seen.step)])
        return -1
      },
      { init: -5, lag: 16, window: 8, every: 4 },
    )
    trained(spec(join(off().for(20), watching)), () => 7)
    expect(windows[0]).toEqual([20, [0, 1, 2, 3, 4]])
    expect(windows.find(([step]) => step === 100)?.[1]).toEqual([77, 78, 79, 80, 81, 82, 83, 84])
    expect(windows.map(([step]) => step)).toEqual(Array.from({ length: 45 }, (_, i) => 20 + 4 * i))
  })

  test.each([1, 3, 7, 64])('decides the same, however many reports come at once: %i', (size) => {
    const straight = trained(withRule(), () => 5)
    const other = trained(withRule(), () => size)
    expect(other.decided).toEqual(straight.decided)
    expect(other.plans).toEqual(straight.plans)
  })

  test('that uses samples waits for them, and decides the same whichever came first', () => {
    let sampled = 0
    const samplesThrough = (through: number): Body[] => {
      if (through <= sampled) return []
      const body = samplesOf(sampled, through - sampled)
      sampled = through
      return [body]
    }
    const together = trained(withRule(true), () => 4, samplesThrough)
    expect(together.decided.every(({ value }) => Number.isFinite(value))).toBe(true)
    sampled = 0
    const early = trained(
      withRule(true),
      () => 3,
      (step) => samplesThrough(Math.min(RUN_STEPS, step + 11)),
    )
    expect(early.decided).toEqual(together.decided)
    expect(early.plans).toEqual(together.plans)
  })

  test('sees an evaluation with the step after it, whether samples are late or not', () => {
    const found: number[] = []
    const watching = feedback(
      (window: readonly ReportedStep[]) => {
        for (const { step, evaluation } of window) if (evaluation?.['val.accuracy'] === 0.5) found.push(step)
        return -1
      },
      { init: -5, lag: 16, window: 4, every: 4 },
    )
    trained(
      spec(watching),
      () => 10,
      (step) =>
        step === 50
          ? [
              {
                type: 'evaluation',
                attempt: 1,
                step: 49,
                split: 'val',
                metrics: { accuracy: 0.5 },
                seconds: 0,
              },
            ]
          : [],
    )
    expect(found).toEqual([50])
  })

  test('that fails is not called again: its last value stays, and the ledger has the reason', () => {
    const failing = feedback(
      (_window, _state, step) => {
        if (step >= 40) throw new Error('no idea')
        return -3
      },
      { init: -5, lag: 16, window: 8, every: 4 },
    )
    const { decided } = trained(spec(failing), () => 5)
    expect(decided.filter(({ mark }) => mark !== '')).toMatchObject([
      { position: { step: 40 }, value: -3, mark: expect.stringContaining('no idea') as string },
    ])
    expect(decided.filter(({ position }) => position.step > 40).every(({ value }) => value === -3)).toBe(true)
  })

  test('with a value outside the range is treated like one that fails', () => {
    const { decided } = trained(spec(feedback(() => 0, { init: -5, lag: 16, window: 8, every: 4 })), () => 5)
    expect(decided[0]).toMatchObject({ value: -5, mark: expect.stringContaining('lambda takes') as string })
  })

  test('decides after a return to a checkpoint as in a run without the steps in between', () => {
    const using = withRule()
    const controller = drive(initialState(), using)
    controller.message(hello())
    const decided: Decided[] = []
    const feed = (body: Body) => {
      for (const one of appended(controller.telemetry(body))) if (one.type === 'decided') decided.push(one)
    }
    for (let step = 0; step < 60; step += 10) feed(stepsOf(step, 10))
    feed(checkpoint(60))
    for (let step = 60; step < 100; step += 10) feed(stepsOf(step, 10))
    controller.message({
      type: 'request',
      id: 'r',
      by: 'cli',
      why: '',
      action: { type: 'restore', step: 60, path: '', sha256: '', attempt: 0 },
    })
    controller.message({ type: 'command-result', leaseEpoch: 1, id: 'r', ok: true, step: 60, message: '' })
    const before = decided.filter(({ position }) => position.step - 16 < 60)
    decided.length = 0
    for (let step = 60; step < 100; step += 20) feed(stepsOf(step, 20, 2))
    const straight = trained(using, () => 10).decided
    expect(before).toEqual(straight.slice(0, before.length))
    // Attempt 2 reports other losses: only decisions that rest on them differ.
    expect(decided[0]?.position).toEqual({ attempt: 2, step: before.at(-1)!.position.step + 4 })
    expect(decided.length).toBeGreaterThan(5)
    expect(decided[0]?.value).not.toBe(straight[before.length]?.value)
  })
})

describe('the guard', () => {
  const collapsed = (first: number, count: number): StepBatch => ({
    ...stepsOf(first, count),
    weighings: [weighing(count, { sumW2: new Float64Array(count).fill(0.5) })],
  })
  /** The records of a run that collapses, with reports of `size` steps each. */
  const guardedBy = (lambda: Source, size: number): Body[] => {
    const controller = drive(initialState(), spec(lambda, { guard: GUARD }))
    controller.message(hello())
    const bodies: Body[] = []
    for (let step = 0; step < 60; step += size)
      bodies.push(...appended(controller.telemetry(collapsed(step, size))))
    return bodies
  }

  test('multiplies λ by an edit that begins `lag` steps after the reports it rests on', () => {
    const bodies = guardedBy(constant(-0.5), 5)
    expect(bodies.find(({ type }) => type === 'requested')).toMatchObject({
      request: { by: 'guard', why: expect.stringContaining('for 20 steps') as string },
    })
    expect(bodies.find(({ type }) => type === 'edited')).toMatchObject({
      position: { step: 19 + GUARD.lag },
      before: -0.5,
      after: -2,
    })
    expect(bodies.filter(({ type }) => type === 'edited')).toHaveLength(1)
  })

  test('edits on top of a feedback schedule of λ, from the first step that is not decided yet', () => {
    const rule = (lag: number) => feedback(() => -0.5, { init: -5, lag, window: 8, every: 4 })
    // At step 19 a rule with the longer lag has decided up to step 104, one with the shorter lag up to 36.
    for (const [lag, from] of [
      [84, 104],
      [16, 19 + GUARD.lag],
    ] as const) {
      const at = [1, 5, 20].map((size) => guardedBy(rule(lag), size).find(({ type }) => type === 'edited'))
      for (const edited of at)
        expect(edited).toMatchObject({ by: 'guard', position: { step: from }, before: -0.5, after: -2 })
    }
  })
})

test('a controller without rules and guard keeps nothing', () => {
  const controller = drive()
  controller.message(hello())
  controller.telemetry(stepsOf(0, 50))
  const { feedback: kept }: ControllerState = controller.state()
  expect(kept).toEqual(initialState().feedback)
})
