import { describe, expect, test } from 'vitest'
import { AbsgdError } from '../../../src/errors.js'
import { placeInStream } from '../../../src/controller/state/received-telemetry.js'
import { initialState } from '../../../src/controller/state/state.js'
import { appended, checkpoint, context, drive, hello, sent, stepBatch } from '../../helpers/controller.js'

describe('admission', () => {
  test('a first worker gets a lease, the whole short run as plans, and every warning is noted once', () => {
    const controller = drive()
    const effects = controller.message(hello())
    expect(sent(effects).map(({ type }) => type)).toEqual(['welcome', 'plan'])
    expect(sent(effects)[0]).toMatchObject({ attempt: 1, leaseEpoch: 1, acked: { steps: 0, samples: 0 } })
    expect(sent(effects)[1]).toMatchObject({ firstStep: 0, count: 200, runSteps: 200 })
    expect(appended(effects).map(({ type }) => type)).toEqual(['worker-joined', 'note', 'plan'])
    expect(appended(controller.message(hello())).map(({ type }) => type)).toEqual(['worker-joined', 'plan'])
  })

  test('a plan is appended before it is sent', () => {
    const effects = drive().message(hello())
    const order = effects.map((effect) =>
      effect.type === 'append'
        ? `append ${effect.body.type}`
        : effect.type === 'send'
          ? `send ${effect.message.type}`
          : '',
    )
    expect(order.indexOf('append plan')).toBeLessThan(order.indexOf('send plan'))
  })

  test('a second worker is refused while the first holds the lease', () => {
    const controller = drive()
    controller.message(hello())
    const [answer] = sent(controller.message(hello({ incarnation: 'b'.repeat(16) }), 'p2'))
    expect(answer).toMatchObject({ type: 'reject', code: 'lease-held' })
    expect(controller.state().lease?.peer).toBe('p1')
  })

  test('another major version is refused with both versions named', () => {
    const [answer] = sent(drive().message(hello({ protocolMajor: 2, protocolMinor: 3 })))
    expect(answer).toMatchObject({ type: 'reject', code: 'protocol' })
    expect((answer as { hint: string }).hint).toMatch(/1\.4.*2\.3/)
  })

  test('a worker that does not know the rule of weights is admitted only with the default rule', () => {
    const weighting = { preset: 'reference', alpha: 0.5, floor: true } as const
    const old = drive(initialState(), { ...context, weighting })
    expect(sent(old.message(hello({ protocolMinor: 0 })))).toEqual([
      {
        type: 'reject',
        code: 'protocol',
        hint: 'this run weighs samples by the preset "reference", which the worker\'s protocol 1.0 does not know (1.1 does): install the same version of absgd on both sides',
      },
    ])
    expect(old.state().stage).toBe('connecting')
    const [welcome] = sent(old.message(hello({ protocolMinor: 1 })))
    expect(welcome).toMatchObject({ type: 'welcome', weighting })
    expect(sent(drive().message(hello({ protocolMinor: 0 })))[0]).toMatchObject({ type: 'welcome' })
  })

  test('a run that balances classes fails before training if the task has no labels or the worker is too old', () => {
    const columns = (count: number) => ({ class_balance: new Float64Array(count) })
    const balanced = {
      ...context,
      compile: (facts: { stepsPerEpoch: number }) => ({
        ...context.compile(facts),
        rows: (_: number, count: number) => columns(count),
      }),
    }
    const endAfter = (more: Parameters<typeof hello>[0]) => {
      const controller = drive(initialState(), balanced)
      expect(sent(controller.message(hello(more)))[0]).toMatchObject({ type: 'reject' })
      return controller.state().end
    }
    expect(endAfter({ protocolMinor: 2 })).toMatchObject({
      status: 'failed',
      reason: 'the controls set class_balance, but the task has no labels',
      detail: expect.stringContaining('Task(labels=…)') as string,
    })
    expect(endAfter({ protocolMinor: 1 })?.reason).toMatch(
      /balances classes.* 1\.1 does not know \(1\.2 does\)/,
    )
    const labelled = hello({ protocolMinor: 2, initial: { class_balance: 0 } })
    expect(sent(drive(initialState(), balanced).message(labelled))[0]).toMatchObject({ type: 'welcome' })
  })

  test('a worker of another run is refused', () => {
    const [answer] = sent(drive().message(hello({ run: 'other' })))
    expect(answer).toMatchObject({ type: 'reject', code: 'wrong-run' })
  })

  test('a worker that trained on without a controller keeps its attempt, and gets rows from the end of its own', () => {
    const controller = drive()
    controller.message(hello())
    const again = hello({ position: { attempt: 1, step: 90 }, plannedThrough: 150 })
    const messages = sent(controller.message(again, 'p2'))
    expect(messages[0]).toMatchObject({ type: 'welcome', attempt: 1, leaseEpoch: 2, restorePath: '' })
    expect(messages[1]).toMatchObject({ type: 'plan', firstStep: 150, planSeq: 2 })
  })

  test('durations that cannot be converted to steps end the run with the reason', () => {
    const controller = drive(undefined, {
      ...context,
      compile: () => {
        throw new AbsgdError('experiment', 'the data is a stream: speak in steps')
      },
    })
    const effects = controller.message(hello())
    expect(effects).toContainEqual({ type: 'kill', signal: 'SIGTERM' })
    expect(controller.state().end).toMatchObject({
      status: 'failed',
      reason: 'the data is a stream: speak in steps',
    })
  })
})

describe('leases', () => {
  const progress = {
    type: 'progress',
    position: { attempt: 1, step: 3 },
    phase: 'training',
    waits: 0,
    waitedSeconds: 0,
  } as const

  test('messages of an earlier epoch are answered with no-lease and change nothing', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(hello({ position: { attempt: 1, step: 1 }, plannedThrough: 200 }))
    const [answer] = sent(controller.message({ ...progress, leaseEpoch: 1 }))
    expect(answer).toMatchObject({ type: 'reject', code: 'no-lease' })
    expect(controller.state().lease?.position.step).toBe(1)
  })

  test('a Progress is answered with an acknowledgement, and a change of phase is recorded', () => {
    const controller = drive()
    controller.message(hello())
    const first = controller.message({ ...progress, leaseEpoch: 1 })
    expect(sent(first)).toMatchObject([{ type: 'telemetry-ack', acked: { steps: 0 } }])
    expect(appended(first).map(({ type }) => type)).toEqual(['progress'])
    expect(appended(controller.message({ ...progress, leaseEpoch: 1 }))).toEqual([])
  })
})

describe('telemetry', () => {
  test('is the next of its stream, a duplicate, or behind missing records', () => {
    const controller = drive()
    controller.message(hello())
    controller.telemetry(stepBatch(0, 8))
    const place = (seq: number, incarnation = 'a'.repeat(16)) =>
      placeInStream(controller.state(), { origin: 'worker-0', incarnation, stream: 'steps', seq })
    expect([place(1), place(2), place(3)]).toEqual(['duplicate', 'next', 'behind-missing'])
    expect(place(1, 'b'.repeat(16))).toBe('unknown-worker')
  })

  test('is acknowledged only once it is on disk', () => {
    const controller = drive()
    controller.message(hello())
    const before = controller.state().received
    controller.telemetry(stepBatch(0, 8))
    expect(sent(controller.act({ type: 'durable', received: before }))).toMatchObject([
      { acked: { steps: 0 } },
    ])
    expect(sent(controller.durable())).toMatchObject([{ acked: { steps: 1 } }])
  })

  test('near the end of the rows brings more rows', () => {
    const long = { ...context, compile: () => ({ ...context.compile({ stepsPerEpoch: 1 }), runSteps: 1e6 }) }
    const controller = drive(undefined, long)
    const through = sent(controller.message(hello())).filter(({ type }) => type === 'plan').length * 4096
    const more = sent(controller.telemetry(stepBatch(0, 8), 100))
    expect(more).toMatchObject([{ type: 'plan', firstStep: through }])
  })
})

describe('the end', () => {
  const bye = (reason: 'completed' | 'stopped' | 'failed' | 'orphaned', steps = 1) =>
    ({
      type: 'bye',
      leaseEpoch: 1,
      reason,
      position: { attempt: 1, step: 200 },
      message: '',
      traceback: reason === 'failed' ? 'Traceback …' : '',
      sent: { steps, samples: 0 },
    }) as const

  test('comes once everything that the Bye announces is on disk', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(bye('completed'))
    expect(controller.durable().some(({ type }) => type === 'finish')).toBe(false)
    controller.telemetry(stepBatch(0, 200))
    const effects = controller.durable()
    expect(sent(effects).map(({ type }) => type)).toContain('released')
    expect(effects.at(-1)).toEqual({ type: 'finish' })
    expect(controller.state().end?.status).toBe('completed')
  })

  test('is not delayed: the log goes to the disk as soon as it holds everything that the Bye announces', () => {
    const syncs = (effects: readonly { type: string }[]) => effects.some(({ type }) => type === 'sync')
    const controller = drive()
    controller.message(hello())
    expect(syncs(controller.telemetry(stepBatch(0, 100)))).toBe(false)
    expect(syncs(controller.message(bye('completed', 2)))).toBe(false)
    expect(syncs(controller.telemetry(stepBatch(100, 100)))).toBe(true)

    const other = drive()
    other.message(hello())
    other.telemetry(stepBatch(0, 200))
    expect(syncs(other.message(bye('completed', 1)))).toBe(true)
  })

  test('of a completed run names what failed beside training', () => {
    const controller = drive()
    controller.message(hello())
    controller.message({ ...bye('completed'), message: 'the training data could not be predicted' })
    expect(controller.state().end).toEqual({
      status: 'completed',
      reason: 'all 200 steps trained; the training data could not be predicted',
      detail: '',
    })
  })

  test('of a failed task carries the Python traceback', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(bye('failed', 0))
    expect(controller.state().end).toMatchObject({ status: 'failed', detail: 'Traceback …' })
  })

  test('of an orphaned worker can be resumed', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(bye('orphaned', 0))
    expect(controller.state().end?.status).toBe('resumable')
  })

  test('by a killed worker names the last step and the checkpoint to resume from', () => {
    const controller = drive()
    controller.message(hello())
    controller.telemetry(stepBatch(0, 64))
    controller.telemetry(checkpoint(40))
    const effects = controller.act({
      type: 'worker-exited',
      exitCode: undefined,
      signal: 'SIGKILL',
      lastLines: 'x',
    })
    expect(effects.at(-1)).toEqual({ type: 'finish' })
    const { end } = controller.state()
    expect(end?.status).toBe('failed')
    expect(end?.reason).toMatch(/SIGKILL.*after 64 steps.*checkpoint at step 40/)
  })

  test('by a living worker that never sends a Hello is a failure that names the limit', () => {
    const controller = drive()
    expect(controller.act({ type: 'hello-overdue', seconds: 600 })).toEqual([
      { type: 'kill', signal: 'SIGKILL' },
    ])
    controller.act({ type: 'worker-exited', exitCode: undefined, signal: 'SIGKILL', lastLines: '' })
    expect(controller.state().end).toMatchObject({ status: 'failed' })
    expect(controller.state().end?.reason).toMatch(/Hello within 600 s/)
  })

  test('before the Hello has the last lines that the worker printed', () => {
    const controller = drive()
    controller.act({ type: 'worker-exited', exitCode: 1, signal: '', lastLines: 'no module named torch' })
    expect(controller.state().end).toMatchObject({
      status: 'failed',
      reason: 'the worker died while starting (exit code 1)',
      detail: 'no module named torch',
    })
  })
})
