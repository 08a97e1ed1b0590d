import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { planCommand } from '../../src/cli/commands/plan.js'
import { fixturePath } from '../helpers/cli.js'

const DIGITS = join(fileURLToPath(new URL('../..', import.meta.url)), 'examples/noisy-digits/experiment.ts')

async function plan(file: string, ...args: string[]): Promise<string[]> {
  const lines: string[] = []
  const command = planCommand((line) => lines.push(line)).exitOverride()
  await command.configureOutput({ writeErr: () => {} }).parseAsync([file, ...args], { from: 'user' })
  return lines
}

describe('plan', () => {
  test('shows the run, a chart of every control that moves, and its values', async () => {
    const lines = await plan(DIGITS, '--arm', 'annealed', '--at', '0e,5e,15e')
    expect(lines[0]).toBe('noisy-digits, arm annealed: 60 epochs')
    expect(lines).toContain('  evaluate    every epoch: 60 times, after 1, 2, 3, 4, …, 60 epochs')
    expect(lines).toContain('  gamma       0.9 throughout')
    const text = lines.join('\n')
    expect(text).toContain(
      'lambda: off for 5 epochs, then exponential -5 → -0.5 over 10 epochs (on a\n  logarithmic scale, largest on top)',
    )
    expect(lines.slice(-4)).toEqual([
      'epoch  lambda         lr',
      '    0     off       0.05',
      '    5      -5  0.0491481',
      '   15    -0.5  0.0426777',
    ])
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80)
  })

  test('says of a recipe that it decides while the run trains', async () => {
    const lines = await plan(DIGITS, '--arm', 'recipe', '--steps-per-epoch', '16')
    expect(lines).toContain('  lambda      recipe wrong-labels: off at first')
  })

  test('leaves a gap where lambda is off, and says so in it', async () => {
    const lines = await plan(DIGITS, '--arm', 'two-stage', '--steps-per-epoch', '32')
    const chart = lines.slice(lines.findIndex((line) => line.startsWith('lambda: ')) + 1).slice(0, 7)
    const middle = chart.find((line) => line.includes('-0.5'))!
    // A third of the run is off: its word stands in the middle of that third, the curve begins after it.
    expect(middle).toMatch(/^ +-0\.5 ┤ {8,12}off {8,12}[⠁-⣿]{40,}$/)
    expect(chart.filter((line) => line !== middle).join('')).not.toMatch(/[⠁-⣿]/)
  })

  test('tells in steps and epochs once the steps of an epoch are given', async () => {
    const lines = await plan(DIGITS, '--arm', 'annealed', '--steps-per-epoch', '32', '--at', '0,160,60e')
    expect(lines[0]).toBe('noisy-digits, arm annealed: 1,920 steps (60 epochs, 32 an epoch)')
    expect(lines).toContain('  checkpoint  every 20 epochs: 3 times, after 640, 1,280, 1,920 steps')
    expect(lines.at(-2)).toBe('  160      5      -5   0.0491481')
    expect(lines.at(-1)).toMatch(/^1,919 {2}59\.97 {4}-0\.5 /)
  })

  test('without anything to draw has no chart, and warns of what is rarely meant', async () => {
    const text = (await plan(fixturePath('tiny.ts'), '--arm', 'hasty')).join('\n')
    expect(text).toContain('tiny, arm hasty: 60 steps')
    expect(text).toContain('warning: lambda is 1 from the first step on')
    expect(text).not.toMatch(/[⠁-⣿│]/)
  })

  test('says what it takes to know when an epoch ends', async () => {
    const lines = await plan(fixturePath('../../experiment/fixtures/plain.js'))
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(
      'evaluate every epoch, or at the end of a stream; --steps-per-epoch tells when that is',
    )
  })

  test('prints one object an arm as JSON', async () => {
    const lines = await plan(DIGITS, '--arm', 'sgd,annealed', '--at', '0e,60e', '--json')
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(objects.map(({ arm }) => arm)).toEqual(['sgd', 'annealed'])
    expect(objects[1]).toMatchObject({
      type: 'plan',
      unit: 'epoch',
      length: 60,
      at: [0, 60],
      controls: { lambda: { values: ['Infinity', -0.5] }, lr: { values: [0.05, 0] } },
      checkpoint: [20, 40, 60],
      warnings: [],
    })
  })

  test.each([
    ['--at', '5x', 'commander.invalidArgument'],
    ['--at', '61e', 'usage'],
    ['--at', '100', 'usage'],
    ['--arm', 'anealed', 'usage'],
    ['--steps-per-epoch', '0', 'commander.invalidArgument'],
  ])('refuses %s %s', async (flag, value, code) => {
    await expect(plan(DIGITS, flag, value)).rejects.toMatchObject({ code })
  })
})
