import { describe, expect, test } from 'vitest'
import { compareCommand } from '../../../src/cli/commands/compare.js'
import type { AbsgdError } from '../../../src/errors.js'
import type { Comparison } from '../../../src/statistics/compare-runs.js'
import { ended, evaluation, joined, started, steps } from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

async function compare(root: string, ...args: string[]): Promise<string[]> {
  const lines: string[] = []
  await compareCommand((line) => lines.push(line)).parseAsync([...args, '--runs', root], { from: 'user' })
  return lines
}

/** The accuracy falls at the end: the best is twice as high. */
async function writeArm(root: string, arm: string, accuracies: readonly number[], status = 'completed') {
  for (const [seed, accuracy] of accuracies.entries()) {
    const end = status === 'completed' ? [ended(100)] : [ended(100, { status: 'failed' })]
    await writeRun(
      root,
      [
        started(),
        joined(),
        steps(0, 50),
        evaluation(49, { accuracy: 2 * accuracy }),
        steps(50, 50),
        evaluation(99, { accuracy }),
        ...end,
      ],
      { run: `${arm}-${seed}`, arm, params: { seed }, createdAt: `2025-01-0${seed + 1}T00:00:00.000Z` },
    )
  }
}

async function twoArms(): Promise<string> {
  const root = temporaryRoot()
  await writeArm(root, 'sgd', [0.1, 0.2, 0.3])
  await writeArm(root, 'gce', [0.2, 0.3, 0.4])
  return root
}

describe('compare', () => {
  test('shows the runs of an experiment by arm, at the last step and at the best', async () => {
    const root = await twoArms()
    const lines = await compare(root, 'sgd-*', 'gce-*', '--metric', 'val.accuracy')
    expect(lines[0]).toBe('digits: 2 arms, 6 completed runs, seeds 0-2')
    expect(lines).toContain('val.accuracy, last (larger wins)')
    expect(lines.join('\n')).toMatch(/^ {2}sgd +3 +0\.20 ± 0\.10$/m)
    expect(lines.join('\n')).toMatch(/^ {2}gce +3 +0\.30 ± 0\.10 .*3\/3$/m)
    expect(lines.join('\n')).toMatch(/^val\.accuracy, at best\n {2}sgd +3 +0\.40 ± 0\.20$/m)
    expect(lines.join('\n')).not.toContain('train.loss')
  })

  test('takes differences to the arm that is asked for', async () => {
    const lines = await compare(await twoArms(), 'digits', '--baseline', 'gce')
    expect(lines.join('\n')).toMatch(/^ {2}sgd +3 +0\.20 ± 0\.10 +-0\.1.*0\/3$/m)
  })

  test('prints what it found as JSON', async () => {
    const [line, ...more] = await compare(await twoArms(), 'digits', '--json', '--metric', 'val.accuracy')
    expect(more).toEqual([])
    const { metrics, ...compared } = JSON.parse(line!) as Comparison & { type: string }
    expect(compared).toMatchObject({ type: 'comparison', arms: [{ runs: [{ seed: 0 }, {}, {}] }, {}] })
    expect(metrics.map(({ metric, at }) => [metric, at])).toEqual([
      ['val.accuracy', 'last'],
      ['val.accuracy', 'best'],
    ])
    expect(metrics[0]!.arms[1]!.difference).toMatchObject({ pairs: 3, wins: 3, ties: 0 })
  })

  test.each([
    [
      'a metric that no run has',
      ['digits', '--metric', 'val.acuracy'],
      'usage',
      /did you mean val\.accuracy/,
    ],
    ['an arm that no run is of', ['digits', '--baseline', 'sdg'], 'usage', /the arms are: sgd, gce|gce, sgd/],
    ['a run that is not there', ['gcee-1'], 'run-directory', /did you mean gce-1/],
  ])('refuses %s, and says what there is', async (_, args, code, hint) => {
    const refusal = await refusalOf(compare(await twoArms(), ...args))
    expect(refusal.code).toBe(code)
    expect(refusal.hint).toMatch(hint)
  })

  test('refuses runs of which none is completed', async () => {
    const root = temporaryRoot()
    await writeArm(root, 'sgd', [0.1], 'failed')
    const refusal = await refusalOf(compare(root, 'digits'))
    expect(refusal.code).toBe('run-directory')
  })
})

async function refusalOf(attempt: Promise<unknown>): Promise<AbsgdError> {
  return attempt.then(
    () => {
      throw new Error('it was not refused')
    },
    (error: unknown) => error as AbsgdError,
  )
}
