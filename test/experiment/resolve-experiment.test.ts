import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineExperiment } from '../../src/experiment/define-experiment.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { exponential, off } from '../../src/schedule/anneal.js'
import { join } from '../../src/schedule/combine-schedules.js'
import { epochs, untilStopped } from '../../src/schedule/duration.js'
import { complaintOf, experimentOf, fixture, resolved } from './helper.js'

describe('an arm', () => {
  const arms = { sgd: {}, annealed: {} }

  test('is named in what is resolved', () => {
    expect(resolved({ arms }, { arm: 'sgd' }).arm).toBe('sgd')
    expect(resolved({ arms })).not.toHaveProperty('arm')
  })

  test('replaces the guard, whole', () => {
    const experiment = {
      guard: { factor: 2 },
      arms: { same: {}, none: { guard: false }, usual: { guard: true }, own: { guard: { factor: 8 } } },
    } as const
    const factors = ['same', 'none', 'usual', 'own'].map((arm) => resolved(experiment, { arm }).guard?.factor)
    expect(factors).toEqual([2, undefined, 4, 8])
  })

  test('replaces the rule of weights, whole', () => {
    const experiment = {
      weighting: { preset: 'reference', alpha: 0.5, floor: true },
      arms: {
        same: {},
        paper: { weighting: 'paper' },
        plain: { weighting: 'reference' },
        ours: { weighting: 'default' },
        floor: { weighting: { preset: 'reference', floor: true } },
      },
    } as const
    const of = (arm?: string) => resolved(experiment, arm === undefined ? {} : { arm }).weighting
    expect(of()).toEqual({ preset: 'reference', alpha: 0.5, floor: true })
    expect(of('same')).toEqual(of())
    expect(of('paper')).toEqual({ preset: 'paper' })
    expect(of('plain')).toEqual({ preset: 'reference', alpha: 1, floor: false })
    expect(of('ours')).toEqual({ preset: 'default' })
    expect(of('floor')).toEqual({ preset: 'reference', alpha: 1, floor: true })
  })

  test('that does not exist is refused, with those that do', () => {
    expect(complaintOf(() => resolved({ arms }, { arm: 'anneled' }))).toMatch(
      /unknown arm "anneled" \(did you mean "annealed"\?\); known: sgd, annealed/,
    )
    expect(complaintOf(() => resolved({}, { arm: 'toString' }))).toMatch(
      /unknown arm "toString"; known: none/,
    )
  })
})

describe('the task', () => {
  const task = (name: string) => ({ kind: 'task', task: name })
  const inFixtures = { ...experimentOf({ worker: { task: 'task.py:build' } }), file: fixture('good.ts') }

  test('is a file beside the experiment', () => {
    expect(resolveExperiment(inFixtures).program).toEqual(task(`${fixture('task.py')}:build`))
  })

  test('is refused when that file does not exist', () => {
    const elsewhere = { ...inFixtures, file: '/nowhere/experiment.ts' }
    expect(complaintOf(() => resolveExperiment(elsewhere))).toMatch(
      /the task's file \/nowhere\/task\.py does not exist\nworker\.task says "task\.py:build"/,
    )
  })

  test('is a module where it is no file', () => {
    const { program } = resolved({ worker: { task: 'my_package.tasks:build' } })
    expect(program).toEqual(task('my_package.tasks:build'))
  })

  test('may depend on the parameters', () => {
    const worker = { task: ({ params }: { params: { kind: string } }) => `tasks:build_${params.kind}` }
    const params = z.object({ kind: z.string().default('small') })
    const { program } = resolved({ worker, params }, { params: { kind: 'large' } })
    expect(program).toEqual(task('tasks:build_large'))
    expect(complaintOf(() => resolved({ worker: { task: () => 'nothing' } }))).toMatch(
      /worker\.task is "nothing"; it takes/,
    )
  })
})

describe('the length', () => {
  test('may depend on the parameters', () => {
    const params = z.object({ epochs: z.number().default(60) })
    const experiment = defineExperiment({
      name: 'try',
      worker: { task: 'tasks:build' },
      params,
      length: (context) => epochs(context.params.epochs),
    })
    expect(resolveExperiment(experiment, { params: { epochs: '2' } }).length).toEqual(epochs(2))
    expect(complaintOf(() => resolveExperiment(experiment, { params: { epochs: '0' } }))).toMatch(
      /length is .*; it takes a duration above 0/,
    )
    expect(complaintOf(() => resolveExperiment(experiment, { params: { epochs: '-1' } }))).toMatch(
      /length cannot be computed: epochs\(-1\) is no duration/,
    )
  })

  test('is held against controls that end, before anything is started', () => {
    const lambda = join(
      off().for(epochs(5)),
      exponential({ init: -5, end: -0.5, over: epochs(10) }).for(epochs(10)),
    )
    expect(complaintOf(() => resolved({ length: epochs(60), controls: { lambda } }))).toMatch(
      /lambda: the schedule ends after 15 epochs, but the run is 60 epochs long\nleave its last part without end/,
    )
    expect(
      complaintOf(() => resolved({ length: untilStopped(), controls: { lambda: off().for(70) } })),
    ).toMatch(/lambda: the schedule ends at step 70, but the run trains until it is stopped/)
    expect(() => resolved({ length: epochs(15), controls: { lambda } })).not.toThrow()
    expect(() => resolved({ length: 100, controls: { lambda } })).not.toThrow()
  })
})
