import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Body, LogRecord } from '../../src/record/record.js'
import { duplicatedSteps, initialSnapshot, lostSteps, reduce } from '../../src/history/run-snapshot.js'
import {
  checkpoint,
  ended,
  evaluation,
  joined,
  left,
  note,
  progress,
  record,
  records,
  rewind,
  started,
  steps,
  weighing,
} from '../helpers/records.js'

const reduced = (bodies: readonly (Body | LogRecord)[]) => records(bodies).reduce(reduce, initialSnapshot())

describe('the position', () => {
  test('is the number of steps reported', () => {
    const snapshot = reduced([joined(), steps(0, 8), steps(8, 7)])
    expect(snapshot).toMatchObject({ attempt: 1, position: 15, runSteps: 100, stepsPerEpoch: 10, epoch: 1.5 })
  })

  test('follows a worker that is ahead of its reports', () => {
    expect(reduced([joined(), steps(0, 8), progress(12, 'paused')]).position).toBe(12)
  })

  test('returns to the step of a rewind, and goes on from there under the new attempt', () => {
    const before = [joined(), steps(0, 30), rewind(2, 20)]
    expect(reduced(before)).toMatchObject({ attempt: 2, position: 20 })
    expect(reduced([...before, steps(20, 5, { attempt: 2 })])).toMatchObject({ attempt: 2, position: 25 })
  })

  test('is not moved by what an earlier attempt reports late', () => {
    expect(reduced([joined(), steps(0, 20), rewind(2, 20), steps(20, 30)]).position).toBe(20)
  })
})

describe('the visible history', () => {
  test('hides the evaluations after the steps that a rewind hides, and keeps the one before', () => {
    const snapshot = reduced([
      steps(0, 30),
      evaluation(9, { accuracy: 0.1 }),
      evaluation(19, { accuracy: 0.2 }),
      evaluation(29, { accuracy: 0.3 }),
      rewind(2, 20),
      evaluation(29, { accuracy: 0.4 }, { attempt: 2 }),
    ])
    expect(snapshot.evaluations.map(({ step, metrics }) => [step, metrics['accuracy']])).toEqual([
      [9, 0.1],
      [19, 0.2],
      [29, 0.4],
    ])
  })

  test('keeps the checkpoint that it returned to, and none of later steps', () => {
    const snapshot = reduced([checkpoint(10), checkpoint(20), checkpoint(30), rewind(2, 20)])
    expect(snapshot.checkpoints.map(({ position }) => position.step)).toEqual([10, 20])
  })

  test('forgets the numbers of a last step that is hidden', () => {
    expect(reduced([steps(0, 30), rewind(2, 20)]).last).toBeUndefined()
    expect(reduced([steps(0, 20), rewind(2, 20)]).last?.step).toBe(19)
  })

  test('shows only the visible part of a batch that a rewind cuts', () => {
    expect(reduced([rewind(2, 20), steps(16, 8)]).last?.step).toBe(19)
  })

  test('drops the numbers that were computed from a longer history', () => {
    expect(reduced([{ type: 'summary', values: { noise_auc: 0.9 } }, rewind(2, 20)]).values).toEqual({})
  })
})

describe('lost steps', () => {
  test('are those before the position that no visible report has', () => {
    expect(lostSteps(reduced([steps(0, 10), steps(15, 10), left(), ended(30)]))).toBe(5 + 5)
  })

  test('are not counted beyond the last report while the worker is there', () => {
    const running = [joined(), steps(0, 10), steps(15, 10), progress(40, 'paused')]
    expect(lostSteps(reduced(running))).toBe(5)
    expect(lostSteps(reduced([...running, left()]))).toBe(5 + 15)
  })

  test('do not contain what a rewind hides', () => {
    expect(
      lostSteps(reduced([steps(0, 10), steps(20, 10), rewind(2, 10), steps(10, 20, { attempt: 2 })])),
    ).toBe(0)
  })
})

describe('duplicated steps', () => {
  test('are further reports of a step by the same attempt', () => {
    expect(duplicatedSteps(reduced([steps(0, 10), steps(5, 10), steps(8, 2)]))).toBe(5 + 2)
  })

  test('are reports of a step by two attempts, neither of which is hidden', () => {
    expect(duplicatedSteps(reduced([steps(0, 30), rewind(2, 20), steps(10, 20, { attempt: 2 })]))).toBe(10)
  })

  test('are none when a step was trained again after a rewind', () => {
    expect(duplicatedSteps(reduced([steps(0, 30), rewind(2, 20), steps(20, 10, { attempt: 2 })]))).toBe(0)
  })

  test('do not contain repetitions that a rewind hides', () => {
    expect(duplicatedSteps(reduced([steps(0, 30), steps(18, 12), rewind(2, 20)]))).toBe(2)
  })
})

test('a run that was broken by rewinds and repeated in any order counts like the unbroken one', () => {
  const cuts = fc.array(fc.record({ overrun: fc.nat(20), size: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(cuts, fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat()), (breaks, size, order) => {
      const telemetry: LogRecord[] = []
      const train = (attempt: number, from: number, to: number, chunk: number) => {
        for (let step = from; step < to; step += chunk) {
          const count = Math.min(chunk, to - step)
          telemetry.push(record(steps(step, count, { attempt })))
          telemetry.push(record(evaluation(step + count - 1, { accuracy: step + count }, { attempt })))
        }
      }
      const rewinds: Body[] = []
      let from = 0
      breaks.forEach(({ overrun, size: chunk }, i) => {
        train(i + 1, from, from + 20 + overrun, chunk)
        from += 20
        rewinds.push(rewind(i + 2, from))
      })
      const attempt = breaks.length + 1
      train(attempt, from, 100, size)
      const unbroken = reduced([joined(), ...rewinds, ...telemetry])
      const shuffled = telemetry
        .map((entry) => ({ entry, key: order.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ entry }) => entry)
      const broken = reduced([joined(), ...shuffled, ...rewinds])

      expect(broken).toMatchObject({ attempt, position: 100 })
      expect([lostSteps(broken), duplicatedSteps(broken)]).toEqual([0, 0])
      const visible = ({ evaluations }: typeof broken) =>
        evaluations.map(({ step, metrics }) => [step, metrics])
      expect(visible(broken)).toEqual(visible(unbroken))
      expect(broken.last).toEqual(unbroken.last)
    }),
    { numRuns: 60 },
  )
})

describe('the last step', () => {
  const twoSteps = steps(0, 2, {
    controls: { lambda: Float64Array.of(Infinity, -2), lr: Float64Array.of(0.1, 0.2) },
    weighings: [
      weighing(2, {
        n: Uint32Array.of(2, 2),
        // Losses 1 and 3 at lambda -2: weights are a softmax of -loss/2.
        m: Float64Array.of(NaN, Math.log((Math.exp(-0.5) + Math.exp(-1.5)) / 2)),
        sumW: Float64Array.of(1, 0.5),
        sumW2: Float64Array.of(0.5, 0.25 * (0.7310585786300049 ** 2 + 0.2689414213699951 ** 2)),
        sumWL: Float64Array.of(2, 0.5 * (0.7310585786300049 + 3 * 0.2689414213699951)),
        meanLoss: Float64Array.of(2, 2),
      }),
    ],
  })

  test('has the controls as they were applied', () => {
    expect(reduced([twoSteps]).last).toMatchObject({ step: 1, controls: { lambda: -2, lr: 0.2 } })
  })

  test('has numbers that follow from the statistics of its weights', () => {
    const { numbers } = reduced([twoSteps]).last!
    const p = [0.7310585786300049, 0.2689414213699951]
    expect(numbers['train.loss']).toBe(2)
    expect(numbers['train.ess_ratio']).toBeCloseTo(1 / (2 * (p[0]! ** 2 + p[1]! ** 2)), 12)
    expect(numbers['train.kl']).toBeCloseTo(p[0]! * Math.log(2 * p[0]!) + p[1]! * Math.log(2 * p[1]!), 12)
    expect(numbers['train.effective_lr']).toBeCloseTo(0.2 * 0.5, 12)
  })

  test('has no divergence from uniform weights where lambda is off', () => {
    expect(reduced([steps(0, 1)]).last?.numbers['train.kl']).toBe(0)
  })

  test('keeps a number of the user until the next step that has one', () => {
    const first = steps(0, 4, { metrics: { grad: Float64Array.of(NaN, 7, NaN, NaN) } })
    const second = steps(4, 2, { metrics: { grad: Float64Array.of(NaN, NaN) } })
    expect(reduced([first, second]).last?.numbers['train.grad']).toBe(7)
  })

  test('is not replaced by an earlier one that comes late', () => {
    expect(reduced([steps(10, 5), steps(0, 10)]).last?.step).toBe(14)
  })

  test('names the numbers of a second weighing after it', () => {
    const heads = [weighing(1), weighing(1, { name: 'aux', meanLoss: Float64Array.of(9) })]
    const { numbers } = reduced([steps(0, 1, { weighings: heads })]).last!
    expect([numbers['train.loss'], numbers['train.aux.loss']]).toEqual([2, 9])
  })
})

describe('workers', () => {
  test('that come back after they lost sight of the controller are no restart', () => {
    expect(reduced([joined(), steps(0, 5), started(), joined()]).workerRestarts).toBe(0)
  })

  test('of a new process are a restart each', () => {
    const second = joined({ incarnation: 'a2' }, 2)
    expect(reduced([joined(), left(), second, left(), joined({ incarnation: 'a3' }, 3)]).workerRestarts).toBe(
      2,
    )
  })

  test('count their waits each from 0, and the run has the sum', () => {
    const snapshot = reduced([
      joined(),
      progress(10, 'waiting', { waits: 4 }),
      steps(5, 5, { waits: 3 }),
      steps(0, 5, { waits: 2 }),
      joined({ incarnation: 'a2' }, 2),
      record(steps(10, 5, { attempt: 2, waits: 1 }), { incarnation: 'a2' }),
    ])
    expect(snapshot.waits).toBe(4 + 1)
  })

  test('are in the phase that was last recorded', () => {
    const phaseOf = (bodies: Body[]) => {
      const { worker } = reduced(bodies)
      return worker.status === 'joined' ? worker.phase : worker.status
    }
    expect(phaseOf([])).toBe('none')
    expect(phaseOf([joined()])).toBe('starting')
    expect(phaseOf([joined(), steps(0, 5)])).toBe('training')
    expect(phaseOf([joined(), steps(0, 5), progress(5, 'paused')])).toBe('paused')
    expect(phaseOf([joined(), left({ exitCode: 1, lastLines: 'oh' })])).toBe('left')
  })

  test('that died leave who they were, how they ended and their last lines', () => {
    const died = left({ exitCode: undefined, signal: 'SIGKILL', lastLines: 'oh' })
    expect(reduced([joined(), died]).worker).toMatchObject({
      status: 'left',
      hello: { pid: 4711 },
      signal: 'SIGKILL',
      lastLines: 'oh',
    })
  })
})

describe('the rest of a run', () => {
  test('checkpoints that were deleted, or written again to the same file, are listed no more', () => {
    const snapshot = reduced([
      checkpoint(10),
      checkpoint(20),
      checkpoint(30, { deleted: ['checkpoints/10.pt'] }),
      checkpoint(40, { path: 'checkpoints/20.pt' }),
    ])
    expect(snapshot.checkpoints.map(({ position }) => position.step)).toEqual([30, 40])
  })

  test('a request has its outcome once it is settled', () => {
    const request = { type: 'request', id: 'r1', by: 'cli', why: '', action: { type: 'pause' } } as const
    const asked: Body = { type: 'requested', request, position: { attempt: 1, step: 5 } }
    const result = { type: 'request-result', id: 'r1', ok: true, step: 7, message: '' } as const
    expect(reduced([asked]).requests[0]).not.toHaveProperty('outcome')
    expect(reduced([asked, asked, { type: 'settled', result }]).requests).toMatchObject([
      { id: 'r1', outcome: { ok: true, step: 7 } },
    ])
  })

  test('an end holds until a controller goes on with the run', () => {
    const stopped = ended(50, { status: 'stopped' })
    expect(reduced([started(), stopped]).end?.status).toBe('stopped')
    expect(reduced([started(), stopped, started()]).end).toBeUndefined()
  })

  test('notes are kept up to a number, the latest ones', () => {
    const { notes } = reduced(Array.from({ length: 250 }, (_, i) => note(String(i))))
    expect([notes.length, notes.at(-1)?.text]).toEqual([200, '249'])
  })

  test('a second evaluation of a split after the same step replaces the first', () => {
    const twice = reduced([evaluation(9, { accuracy: 0.1 }), evaluation(9, { accuracy: 0.2 })])
    expect(twice.evaluations.map(({ metrics }) => metrics['accuracy'])).toEqual([0.2])
  })
})
