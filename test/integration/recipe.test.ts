/** A recipe under the controller: what it chooses is an edit, at a step that does not depend on when reports arrive. */
import { expect, test } from 'vitest'
import { every, launch, recipe, steps, type RecipeKind } from '../../src/index.js'
import { readManifest } from '../../src/log/run-directory.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { startRun } from '../../src/run/start.js'
import { bodiesOf, runsFolder, tiny } from './helpers.js'

const options = { simulate: true, handleSignals: false } as const
const spec = (kind: RecipeKind) =>
  tiny({ length: 700, checkpoint: every(steps(100)), controls: { lambda: recipe(kind), gamma: 0.5 } })

async function lambdas(dir: string) {
  const batches = await bodiesOf(dir, 'step-batch')
  const steps = batches.flatMap(({ firstStep, count, controls }) =>
    Array.from({ length: count }, (_, i) => [firstStep + i, controls['lambda']?.[i]] as const),
  )
  return [...new Map(steps).values()]
}

test('is off until it chooses, and then follows the schedule of its edit from the very step', async () => {
  const run = await launch(spec('rare-groups'), { ...options, runs: runsFolder() })
  expect(await run.result).toMatchObject({ status: 'completed', steps: 700 })
  const [edit] = await bodiesOf(run.dir, 'edited')
  expect(edit).toMatchObject({ by: 'recipe', control: 'lambda', before: Infinity })
  const [request] = await bodiesOf(run.dir, 'requested')
  expect(request?.request.why).toMatch(/^recipe rare-groups: after \d+ steps the mean loss was/)
  const applied = await lambdas(run.dir)
  const { step } = edit!.position
  expect(applied.slice(0, step).every((lambda) => lambda === Infinity)).toBe(true)
  expect(applied[step]).toBe(edit!.after)
  expect(applied[699]).toBeLessThan(applied[step]!)
  expect(applied[699]).toBeGreaterThan(0)
})

test('chooses the same when it is stopped before its choice and resumed', async () => {
  const whole = await launch(spec('rare-groups'), { ...options, runs: runsFolder() })
  await whole.result
  const [edit] = await bodiesOf(whole.dir, 'edited')

  const broken = await launch(spec('rare-groups'), { ...options, runs: runsFolder(), pace: 500 })
  for await (const { step } of broken.reports()) if (step > 20) break
  const { appliedAt } = await broken.stop()
  expect(appliedAt).toBeLessThan(edit!.position.step)
  await broken.result
  const manifest = readManifest(broken.dir)
  const resolved = resolveExperiment(spec('rare-groups'), { params: manifest.params })
  await (
    await startRun({ dir: broken.dir, manifest, resolved })
  ).ended
  const [again] = await bodiesOf(broken.dir, 'edited')
  expect(again).toMatchObject({ position: { step: edit!.position.step }, to: edit!.to })
  expect(await lambdas(broken.dir)).toEqual(await lambdas(whole.dir))
})

test('measures alone, and says what it would have chosen', async () => {
  const run = await launch(spec('off'), { ...options, runs: runsFolder() })
  await run.result
  expect(await bodiesOf(run.dir, 'edited')).toEqual([])
  const marks = (await bodiesOf(run.dir, 'decided')).map(({ mark }) => mark).filter((mark) => mark !== '')
  expect(marks).toEqual([expect.stringMatching(/^recipe off: .*measured alone: lambda stays off$/)])
  expect((await lambdas(run.dir)).every((lambda) => lambda === Infinity)).toBe(true)
})

test('does not overrule a person who has set lambda meanwhile', async () => {
  const run = await launch(spec('rare-groups'), { ...options, runs: runsFolder(), pace: 2000 })
  for await (const _first of run.reports()) break
  const { appliedAt } = await run.set({ lambda: 3 })
  expect(appliedAt).toBeLessThan(150)
  await run.result
  const edits = await bodiesOf(run.dir, 'edited')
  expect(edits.map(({ by }) => by)).not.toContain('recipe')
  expect((await lambdas(run.dir)).at(-1)).toBe(3)
  const notes = (await bodiesOf(run.dir, 'note')).map(({ text }) => text)
  expect(notes).toContainEqual(
    expect.stringMatching(/^lambda was set by .*, and stays so; recipe would have set/),
  )
})

test('of a run that is too short to measure is refused before it trains', async () => {
  const short = tiny({ length: 200, controls: { lambda: recipe('wrong-labels'), gamma: 0.5 } })
  const run = await launch(short, { ...options, runs: runsFolder() })
  const { status, reason } = await run.result
  expect(status).toBe('failed')
  expect(reason).toMatch(/needs at least 256 steps, but the run has 200/)
})

test.each([
  [() => recipe('clean' as never), /there is no recipe "clean"/],
  [() => recipe('wrong-labels', { wrong: 0.6 }), /the share of wrong labels is 0.6/],
  [() => recipe('rare-groups', { wrong: 0.2 }), /no part of the recipe rare-groups/],
])('bad arguments are refused where they are given', (make, message) => {
  expect(make).toThrow(message)
})
