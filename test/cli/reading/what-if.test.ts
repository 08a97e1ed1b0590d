import { describe, expect, test } from 'vitest'
import { suggest, whatIf } from '../../../src/index.js'
import { suggestCommand } from '../../../src/cli/commands/suggest.js'
import { whatIfCommand } from '../../../src/cli/commands/what-if.js'
import { acquireLock } from '../../../src/log/lock/run-lock.js'
import type { Manifest } from '../../../src/record/manifest.js'
import type { Body } from '../../../src/record/record.js'
import type { Outcome } from '../../../src/analysis/lambda-outcome.js'
import { cli, fixturePath, temporaryFolder } from '../../helpers/cli.js'
import {
  ended,
  joined,
  manifest,
  rewind,
  sampleInfo,
  samples,
  started,
  steps,
} from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

const range = Array.from({ length: 10 }, (_, i) => i)
/** The hardest of every batch is labelled wrong; the classes are the easy half and the hard half. */
const told = sampleInfo(
  range.map((i) => (i < 5 ? 0 : 1)),
  { trueLabels: range.map((i) => (i < 5 || i === 9 ? 0 : 1)) },
)
const batchOf = (step: number, scale = 1) =>
  samples(
    step,
    range,
    range.map((i) => i * scale),
  )
const applied = (lambda: number) =>
  steps(0, 3, { controls: { lambda: Float64Array.of(Infinity, Infinity, lambda) } })
const trained = (lambda = -4): Body[] => [
  started(),
  joined({ datasetSize: 10 }),
  applied(lambda),
  told,
  batchOf(0, 100),
  batchOf(1),
  batchOf(2),
  ended(3),
]

async function run(bodies: readonly Body[], more: Partial<Manifest> = {}): Promise<string> {
  const root = temporaryRoot()
  await writeRun(root, bodies, more)
  return root
}

async function printed(command: typeof whatIfCommand, root: string, ...args: string[]): Promise<string[]> {
  const lines: string[] = []
  await command((line) => lines.push(line))
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parseAsync(['digits-1', ...args, '--runs', root], { from: 'user' })
  return lines
}

const ask = (root: string, ...args: string[]) => printed(whatIfCommand, root, ...args)
const objectOf = (lines: readonly string[]) =>
  JSON.parse(lines.join('\n')) as {
    readonly now: Outcome
    readonly candidates: readonly (Outcome & { readonly asked: string })[]
    readonly losses: { readonly firstStep: number; readonly batches: number }
    readonly notes: readonly string[]
  }

describe('what-if', () => {
  test('shows candidates beside the lambda now applied, in 80 columns', async () => {
    const lines = await ask(await run(trained()), 'lambda=-1,off', 'ess=0.6', '--steps', '2')
    expect(lines).toEqual([
      'digits-1: the last losses, weighed at other values of lambda',
      '  run         completed after 3 of 100 steps (0.3 epochs), 7.0 s',
      '  losses      of steps 1 to 2: 2 batches, 20 samples',
      '  spread      median 5, a tenth below 1, a tenth above 8; standard deviation in',
      '              a batch 2.872',
      '  truth       10.0 % of these samples are labelled wrong',
      '',
      'ASKED       LAMBDA  ESS RATIO     KL  MAX W  HARDEST  EASIEST   WRONG',
      'now             -4      0.682  0.223   2.41    2.5 %   24.1 %   2.5 %',
      'lambda=-1       -1      0.216  1.262   6.32    0.0 %   63.2 %   0.0 %',
      'lambda=off     off      1.000  0.000   1.00   10.0 %   10.0 %  10.0 %',
      'ess=0.6      -3.27      0.600  0.313   2.76    1.8 %   27.6 %   1.8 %',
      '',
      'Share of the samples and of the weight, by class:',
      'CLASS  SAMPLES  NOW -4      -1     off   -3.27',
      '    0   50.0 %  77.7 %  99.3 %  50.0 %  82.2 %',
      '    1   50.0 %  22.3 %   0.7 %  50.0 %  17.8 %',
      '',
      'Each batch is weighed on its own, as with gamma 1: its weights sum to 1. ESS',
      'RATIO: effective sample size / batch size. MAX W: the largest weight, 1 is even.',
      'HARDEST, EASIEST: share of the weight on the tenth of a batch with the highest',
      'and lowest losses, 10 % is even. WRONG: share on wrong labels.',
    ])
  })

  test('looks for lambda on the side of the one applied, below 0 where it is off, and where told', async () => {
    const lambdaOf = async (applied: number, ...args: string[]) =>
      objectOf(await ask(await run(trained(applied)), 'kl=0.2', '--json', ...args)).candidates[0]!.lambda
    expect(await lambdaOf(3)).toBeGreaterThan(0)
    expect(await lambdaOf(-3)).toBeLessThan(0)
    expect(await lambdaOf(Infinity)).toBeLessThan(0)
    expect(await lambdaOf(3, '--sign', '-')).toBeLessThan(0)
    expect(await lambdaOf(-3, '--sign', '+')).toBeGreaterThan(0)
  })

  test('takes the last steps of the visible history alone', async () => {
    const before = [started(), joined(), rewind(2, 2), applied(-2), told, batchOf(0), batchOf(1)]
    const again = { ...batchOf(2), attempt: 2 }
    const visible = [...before, again]
    const hidden = [...before, batchOf(2, 50), again, batchOf(3, 70)]
    const answers = await Promise.all(
      [visible, hidden].map(async (bodies) => objectOf(await ask(await run(bodies), 'ess=0.6', '--json'))),
    )
    expect(answers[1]!.candidates).toEqual(answers[0]!.candidates)
    expect(answers[1]!.losses).toMatchObject({ firstStep: 0, batches: 3 })
  })

  test('shows of many classes those that change most, and many candidates below each other', async () => {
    const many = Array.from({ length: 40 }, (_, i) => i)
    const bodies = [started(), applied(-2), sampleInfo(many), samples(0, many, many)]
    const lambdas = ['lambda=-1,-2,-3,-4,-5,-6,-7,-8']
    const lines = await ask(await run(bodies), ...lambdas)
    expect(lines.find((line) => line.startsWith('Share'))).toContain('10 of 40 classes')
    expect(lines.filter((line) => line.startsWith('CLASS'))).toHaveLength(2)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines.filter((line) => /^ +\d+ +2\.5 %/.test(line))[0]).toMatch(/^ +0 /)
  })

  test('says what its reader has to know: losses left out, steps without samples, the floor', async () => {
    const bodies = [
      started(),
      steps(0, 9),
      samples(0, range, [...range.slice(1), NaN]),
      samples(1, range, range, { weighing: '' }),
    ]
    const config = {
      ...manifest().config,
      weighting: { preset: 'reference', alpha: 1, floor: true },
    } as const
    const { notes } = objectOf(await ask(await run(bodies, { config }), 'lambda=1', '--json'))
    expect(notes.join('\n')).toMatch(/7 steps since/)
    expect(notes.join('\n')).toMatch(/1 batch with losses that are not finite left out/)
    expect(notes.join('\n')).toMatch(/floor/)
  })

  test('reads a run that is being written', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, trained().slice(0, -1))
    const lock = acquireLock(dir)
    try {
      expect(objectOf(await ask(root, 'lambda=-1', '--json')).notes).toEqual([
        'the run goes on: these are the losses so far',
      ])
    } finally {
      lock.release()
    }
  })

  test.each([
    ['an ess of 0', ['ess=0'], 'usage'],
    ['no value', ['ess='], 'usage'],
    ['a kl beyond one sample', ['kl=9', '--sign', '+'], 'usage'],
  ])('refuses %s', async (_what, args, code) => {
    await expect(ask(await run(trained()), ...args)).rejects.toMatchObject({ code })
  })

  test('refuses a run without finite losses', async () => {
    const off = await run([started(), joined(), steps(0, 1)], {
      config: { ...manifest().config, sampleEvery: 0 },
    })
    await expect(ask(off, 'lambda=1')).rejects.toMatchObject({ code: 'usage' })
    const empty = await run([started(), joined()])
    await expect(ask(empty, 'lambda=1')).rejects.toMatchObject({ code: 'usage' })
    const diverged = await run([started(), steps(0, 1), samples(0, [0, 1], [NaN, 1])])
    await expect(ask(diverged, 'lambda=1')).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('suggest', () => {
  const asked = (root: string, ...args: string[]) => printed(suggestCommand, root, ...args)

  test('names a lambda of either sign for three ratios, in 80 columns', async () => {
    const lines = await asked(await run(trained()), '--steps', '2')
    const rows = lines.filter((line) => /^(now|ess=)/.test(line)).map((line) => line.split(/ +/).slice(0, 3))
    expect(rows.map(([what, , ratio]) => [what, ratio])).toEqual([
      ['now', '0.682'],
      ...['0.9', '0.8', '0.6', '0.9', '0.8', '0.6'].map((ess) => [`ess=${ess}`, `${ess}00`]),
    ])
    expect(rows.slice(1).map(([, lambda]) => Math.sign(Number(lambda)))).toEqual([-1, -1, -1, 1, 1, 1])
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  })

  test('says in words what suits wrong labels, guessed or known, with its caution', async () => {
    const root = await run(trained())
    const guessed = (await asked(root, '--wrong', '0.4', '--steps', '2')).join(' ')
    expect(guessed).toMatch(/40.0 % wrong labels \(guessed\): .* about 0.6 with lambda < 0, .* lambda -3.3/)
    expect(guessed).toMatch(/Anneal to it, never start small/)
    expect((await asked(root)).join(' ')).toMatch(/10.0 % wrong labels \(known\): .* about 0.9/)
    const unknown = await run([started(), samples(0, range, range)])
    expect((await asked(unknown)).join(' ')).toMatch(/--wrong 0.3 says what to aim for/)
  })

  test('says to stay away from 0 where the losses nearly coincide', async () => {
    const alike = range.map((i) => i / 100)
    const root = await run([started(), samples(0, range, alike)])
    const advice = (await asked(root, '--wrong', '0.3')).join(' ')
    expect(advice).toMatch(/lambda -0\.0\d+, too close to 0: stay at -0.5, an ESS ratio of 1.00\./)
    const json = (await asked(root, '--wrong', '0.3', '--json')).join('')
    const { forWrong } = JSON.parse(json) as { forWrong: { outcome: Outcome; unbounded: number } }
    expect(forWrong.outcome.lambda).toBe(-0.5)
    expect(forWrong.unbounded).toBeGreaterThan(-0.5)
  })

  test('says where no lambda gives a ratio', async () => {
    const root = await run([started(), steps(0, 1), samples(0, [0, 1], [3, 3])])
    const lines = await asked(root, '--wrong', '0.3')
    expect(lines.filter((line) => /^ess=\S+ +none$/.test(line))).toHaveLength(6)
    expect(lines.join(' ')).toMatch(/no lambda gives it on these losses/)
  })

  test.each(['0', '1', 'x', ''])('refuses a share of %j', async (share) => {
    await expect(asked(await run(trained()), '--wrong', share)).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    })
  })
})

test('scripts ask the same, and are refused the same', async () => {
  const runs = await run(trained())
  const { now, outcomes, losses } = await whatIf('digits-1', [{ lambda: -1 }, { ess: 0.6 }], {
    runs,
    steps: 2,
  })
  expect(now!.lambda).toBe(-4)
  expect(outcomes.map(({ essRatio }) => essRatio)).toEqual([expect.closeTo(0.216, 3), expect.closeTo(0.6, 7)])
  expect(losses).toMatchObject({ firstStep: 1, lastStep: 2, samples: 20, leftOut: 0, damage: [] })
  await expect(whatIf('digits-1', [{ lambda: NaN }], { runs })).rejects.toMatchObject({ code: 'usage' })
  await expect(whatIf('digits-1', [{ ess: 0.6 }], { runs, steps: 0 })).rejects.toMatchObject({
    code: 'usage',
  })
  await expect(whatIf('digits-1', [{ size: 1 } as never], { runs })).rejects.toMatchObject({ code: 'usage' })

  const { suggestions, forWrong } = await suggest('digits-1', { runs, wrong: 0.4, steps: 2 })
  expect(suggestions).toHaveLength(6)
  expect(forWrong).toMatchObject({ ess: 0.6, wrong: 0.4, isGuess: true })
  await expect(suggest('digits-1', { runs, wrong: 1 })).rejects.toMatchObject({ code: 'usage' })
})

test('a simulated run is asked by command, and a wrong question has exit code 2', async () => {
  const runs = temporaryFolder()
  const args = ['--runs', runs]
  const trained = await cli([
    'run',
    fixturePath('simulated.ts'),
    '--simulate',
    ...args,
    '--name',
    'toy',
    '--ui',
    'none',
  ])
  expect(trained.code).toBe(0)
  const [answer, advice, refused] = await Promise.all([
    cli(['what-if', 'toy', 'lambda=-1', 'ess=0.7', ...args, '--json']),
    cli(['suggest', 'toy', ...args]),
    cli(['what-if', 'toy', 'lambda=0', ...args]),
  ])
  const { now, candidates } = objectOf([answer.stdout])
  expect(now.lambda).toBe(-2)
  expect(candidates.map(({ asked }) => asked)).toEqual(['lambda=-1', 'ess=0.7'])
  expect(candidates[1]!.essRatio).toBeCloseTo(0.7, 7)
  expect(now.wrong!.weight).toBeLessThan(now.wrong!.samples)
  expect(advice.stdout).toMatch(/wrong labels \(known\)/)
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toContain('lambda is 0')
})
