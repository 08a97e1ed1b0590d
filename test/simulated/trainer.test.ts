import { describe, expect, test } from 'vitest'
import { makeData } from '../../src/simulated/data.js'
import { createTrainer, type Row } from '../../src/simulated/trainer.js'
import { train } from './toy.js'

const constant = (row: Row) => () => row
const weighing = (lambda: number, lr = 0.05) => constant({ lambda, gamma: 0.9, lr })

describe('what a schedule does to the toy is what it does to models:', () => {
  const plain = train(weighing(Infinity))
  const turnedAway = train(weighing(-1))

  test('wrong labels hurt in time, and a negative λ turns away from them', () => {
    expect(train(weighing(Infinity), { steps: 30 }).accuracy).toBeGreaterThan(plain.accuracy + 0.03)
    expect(turnedAway.accuracy).toBeGreaterThan(plain.accuracy + 0.05)
    expect(turnedAway.essRatio).toBeLessThan(0.9)
    expect(plain.essRatio).toBeCloseTo(1, 12)
  })

  test('a positive λ attends to them, and does worse than none', () => {
    expect(train(weighing(2)).accuracy).toBeLessThan(plain.accuracy + 0.02)
  })

  test('a negative λ near 0 from the first step on collapses: few samples, and a class that is lost', () => {
    const collapsed = train(weighing(-0.1))
    expect(collapsed.essRatio).toBeLessThan(turnedAway.essRatio)
    expect(collapsed.worst).toBeLessThan(0.2)
  })

  test('a positive λ helps a rare class early on clean data', () => {
    const [even, attending] = [Infinity, 1].map((lambda) => train(weighing(lambda), { steps: 30, noise: 0 }))
    expect(attending!.worst).toBeGreaterThan(even!.worst)
  })

  test('a learning rate of 0 learns nothing', () => {
    expect(train(weighing(Infinity, 0), { steps: 10 }).accuracy).toBeLessThan(0.4)
  })
})

describe('the toy', () => {
  const row = { lambda: -2, gamma: 0.5, lr: 0.1, momentum: 0.8, weight_decay: 0.01, clip_norm: 0.3 }

  test('is the same for the same seed, and another one for another', () => {
    const [first, again, other] = [3, 3, 4].map((seed) => train(constant(row), { steps: 40, seed }))
    expect(again).toEqual(first)
    expect(other!.steps[0]!.losses).toEqual(first!.steps[0]!.losses)
    expect(other!.steps[30]!.losses).not.toEqual(first!.steps[30]!.losses)
  })

  test('has the share of wrong labels that it is told, on the same points', () => {
    const [clean, noisy] = [0, 0.4].map((noise) => makeData(5, noise).train)
    expect(noisy!.features).toEqual(clean!.features)
    expect(clean!.labels).toEqual(clean!.trueLabels)
    const wrong = noisy!.labels.filter((label, sample) => label !== noisy!.trueLabels[sample])
    expect(wrong.length / noisy!.labels.length).toBeCloseTo(0.4, 1)
  })

  test('draws every sample once an epoch, in another order each', () => {
    const { steps } = train(constant(row), { steps: 60 })
    const [first, second] = [0, 30].map((from) =>
      steps.slice(from, from + 30).flatMap(({ indices }) => [...indices]),
    )
    expect(first!.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 960 }, (_, i) => i))
    expect(second!.toSorted((a, b) => a - b)).toEqual(first!.toSorted((a, b) => a - b))
    expect(second).not.toEqual(first)
  })

  test('keeps what a plan leaves out, and says so', () => {
    const data = makeData(1, 0)
    const trainer = createTrainer(data, 1)
    expect(trainer.step({ lr: 0.2, mine: 4 }).controls).toEqual({
      lr: 0.2,
      mine: 4,
      momentum: 0.9,
      weight_decay: 0,
    })
    expect(trainer.step({}).controls).toEqual({ lr: 0.2, momentum: 0.9, weight_decay: 0 })
  })

  test('goes on from what it saved, bit for bit, numbers that are not finite included', () => {
    const data = makeData(1, 0.3)
    const first = createTrainer(data, 1)
    for (let step = 0; step < 13; step++) first.step(step < 5 ? { lambda: Infinity } : row)
    const saved = first.save({ attempt: 2, step: 13 })
    const second = createTrainer(data, 1)
    expect(second.load(saved)).toBe(13)
    expect(second.save({ attempt: 2, step: 13 })).toEqual(saved)
    for (let step = 13; step < 50; step++) expect(second.step(row)).toEqual(first.step(row))

    const diverged = createTrainer(data, 1)
    for (let step = 0; step < 3; step++) diverged.step({ lr: 1e308, weight_decay: 1e308 })
    expect([...diverged.parameters()].every(Number.isFinite)).toBe(false)
    second.load(diverged.save({ attempt: 1, step: 3 }))
    expect(second.parameters()).toEqual(diverged.parameters())
  })

  test('refuses a checkpoint of another seed or rule, and what is none, and changes nothing', () => {
    const data = makeData(1, 0.3)
    const trainer = createTrainer(data, 1)
    trainer.step(row)
    const before = trainer.save({ attempt: 1, step: 1 })
    const elsewhere = train(constant(row), { seed: 2, steps: 1 }).saved
    expect(() => trainer.load(elsewhere)).toThrow('the seed is 1, but the checkpoint was written with 2')
    const otherRule = train(constant(row), { steps: 1, rule: { preset: 'paper' } }).saved
    expect(() => trainer.load(otherRule)).toThrow('rule of weights is default')
    expect(() => trainer.load(Buffer.from('PK\u0003\u0004'))).toThrow('not one of a simulated worker')
    expect(trainer.save({ attempt: 1, step: 1 })).toEqual(before)
  })
})
