import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { samplesCommand } from '../../../src/cli/commands/samples.js'
import { acquireLock } from '../../../src/log/lock/run-lock.js'
import type { Body } from '../../../src/record/record.js'
import type { Manifest } from '../../../src/record/manifest.js'
import {
  ended,
  joined,
  manifest,
  predictions,
  rewind,
  sampleInfo,
  samples,
  started,
  steps,
} from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

const size = 12
const range = Array.from({ length: size }, (_, i) => i)
const ids = range.map((i) => `data/train/class-${i % 2}/photo-${String(i).padStart(3, '0')}.jpeg`)
/** Of two classes, one label in four is wrong; the loss grows with the index, wrong labels lead but for one. */
const told = sampleInfo(
  range.map((i) => i % 2),
  { trueLabels: range.map((i) => (i % 4 === 3 ? 0 : i % 2)), ids },
)
const losses = range.map((i) => (i === 3 ? 0.5 : i / 10 + (i % 4 === 3 ? 5 : 0)))
const trained: Body[] = [
  started(),
  joined({ datasetSize: size }),
  steps(0, 2),
  told,
  samples(0, range, losses),
  samples(1, range, losses, { weights: range.map((i) => (i === 11 ? 0 : 1 / 11)) }),
]
const complete: Body[] = [
  ...trained,
  predictions(
    1,
    range.map(() => 0),
    { probabilities: range.map((i) => (i % 2 === 0 ? 0.9 : 0.1)) },
  ),
  ended(2),
]

async function run(bodies: readonly Body[], flags: readonly string[], more: Partial<Manifest> = {}) {
  const root = temporaryRoot()
  const dir = await writeRun(root, bodies, more)
  return { root, dir, lines: await ask(root, ...flags) }
}

async function ask(root: string, ...flags: string[]): Promise<string[]> {
  const printed: string[] = []
  await samplesCommand((text) => printed.push(...text.split('\n'))).parseAsync(
    ['digits-1', '--runs', root, ...flags],
    { from: 'user' },
  )
  return printed
}

const sampling = (sampleEvery: number): Partial<Manifest> => ({
  config: { ...manifest().config, sampleEvery },
})

describe('the table of suspects', () => {
  test('has all that is known of them, worst first, in 80 columns', async () => {
    const { lines } = await run(complete, ['--suspects', '4'])
    expect(lines).toEqual([
      'digits-1: 4 of 12 samples, the most suspicious first',
      '  run         completed after 2 of 100 steps (0.2 epochs), 7.0 s',
      '  ranking     by mean loss; samples were seen 2 times each; a WEIGHT of 1 is',
      '              even',
      '  truth       AUC 0.833 over 3 wrong and 9 right labels; 2 of these 4 are wrong',
      '              (≠)',
      '  predicted   by the model after 2 steps; P is its probability of the label',
      '',
      'RANK  INDEX  LABEL  TRUE  PREDICTED      P  MEAN LOSS  WEIGHT  SEEN  ID',
      '   1     11      1   ≠ 0          0  0.100      6.100   0.500     2  …o-011.jpeg',
      '   2      7      1   ≠ 0          0  0.100      5.700   1.045     2  …o-007.jpeg',
      '   3     10      0     0          0  0.900      1.000   1.045     2  …o-010.jpeg',
      '   4      9      1     1          0  0.100      0.900   1.045     2  …o-009.jpeg',
    ])
  })

  test('shows the whole id on a wide terminal', async () => {
    const { root } = await run(complete, [])
    const { stdout } = process
    const before = { isTTY: stdout.isTTY, columns: stdout.columns }
    try {
      Object.assign(stdout, { isTTY: true, columns: 160 })
      expect((await ask(root, '--suspects', '1')).at(-1)).toMatch(/ data\/train\/class-1\/photo-011\.jpeg$/)
    } finally {
      Object.assign(stdout, before)
    }
  })

  test('leaves out the columns of which nothing is known, and shows fifty unless told otherwise', async () => {
    const many = Array.from({ length: 60 }, (_, i) => i)
    const { lines } = await run([started(), joined(), steps(0, 1), samples(0, many, many)], ['--suspects'])
    expect(lines).toContain('RANK  INDEX  MEAN LOSS  WEIGHT  SEEN')
    expect(lines.slice(lines.indexOf('') + 2)).toHaveLength(50)
    expect(lines.join('\n')).not.toMatch(/truth|predicted/)
  })

  test('ranks the samples of one label among themselves', async () => {
    const { lines } = await run(complete, ['--suspects', '2', '--class', '0'])
    expect(lines[0]).toBe('digits-1: 2 of 6 samples with the label 0, the most suspicious first')
    expect(lines.slice(-2).map((line) => line.slice(0, 18))).toEqual([
      '   1     10      0',
      '   2      8      0',
    ])
  })

  test('prints nothing that a terminal obeys, whatever a sample is called', async () => {
    const evil = '\u001b[2J\u009b31m\u202eevil\nname'
    const { root, lines } = await run(
      [started(), sampleInfo([1], { ids: [evil] }), samples(0, [0], [1])],
      ['--suspects'],
    )
    for (const line of [...lines, ...(await ask(root, '--json', '--suspects'))])
      expect(line).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(lines.at(-1)).toMatch(/ evil name$/)
  })
})

describe('the overview of samples', () => {
  test('tells how the losses are distributed, and fits 80 columns', async () => {
    const { lines } = await run(complete, [])
    expect(lines.filter((line) => [...line].length > 80)).toEqual([])
    expect(lines).toEqual(
      expect.arrayContaining([
        'digits-1: the losses of 12 samples',
        '  seen        2 times each',
        '  mean loss   median 0.5, 90 % below 1, largest 6.1',
        '  predicted   the model after 2 steps takes 6 of 12 samples for another class',
      ]),
    )
    const bins = lines.slice(lines.findIndex((line) => line.startsWith('MEAN LOSS')) + 1, -2)
    expect(bins[0]).toMatch(/^0 to 1 +9 +1 {2}█+░+$/)
    expect(bins.at(-1)).toMatch(/^5 and more +2 +2 {2}░+$/)
  })

  test('is one object for programs, with the suspects where they are asked for', async () => {
    const { root, lines } = await run(complete, ['--json'])
    const object = JSON.parse(lines.join('\n')) as Record<string, unknown>
    expect(object).toMatchObject({
      run: 'digits-1',
      status: 'completed',
      seen: 12,
      noise: { wrong: 3, right: 9, found: 2 },
      prediction: { compared: 12, disagree: 6 },
    })
    expect(object).not.toHaveProperty('suspects')
    const asked = JSON.parse((await ask(root, '--json', '--suspects', '1')).join('\n')) as typeof object
    expect(asked['suspects']).toMatchObject([{ rank: 1, index: 11, id: ids[11], isWrong: true }])
  })
})

describe('what stands behind the ranking is said', () => {
  const noted = async (bodies: readonly Body[], more: Partial<Manifest> = {}) =>
    (await run(bodies, ['--suspects', '1'], more)).lines.join('\n').replaceAll(/\n {8,}/g, ' ')

  test('that a run goes on', async () => {
    const { root, dir } = await run(trained, [])
    const lock = acquireLock(dir)
    try {
      const lines = await ask(root, '--suspects', '1')
      expect(lines[1]).toMatch(/^ {2}run {9}running after 2 of 100 steps/)
      expect(lines).toContain('  note        the run goes on: this is what its log has so far')
    } finally {
      lock.release()
    }
  })

  test('that samples are missing, unless a rewind hides where', async () => {
    const gap: Body = { type: 'gap', attempt: 1, firstStep: 1, reason: 'quota' }
    const said = 'samples are missing from step 1 on: the quota is used up'
    expect(await noted([...trained, gap])).toContain(said)
    expect(await noted([...trained, gap, rewind(2, 1)])).not.toContain(said)
    expect(await noted(trained, sampling(22))).toContain('only every 22nd step keeps its samples')
    expect(await noted([...trained, joined({ datasetSize: 15 })])).toContain('3 samples never seen')
    expect(await noted([...trained, samples(1, [0], [NaN])])).toContain('1 sample not ranked')
  })

  test('that with λ > 0 a high loss is no sign of a wrong label', async () => {
    const lambda = (value: number) => ({ controls: { lambda: Float64Array.of(value) } })
    const said = 'λ > 0 attends to hard samples: the first are the hardest, be they rare or labelled wrong'
    expect(await noted([...trained, steps(2, 1, lambda(1))])).toContain(said)
    expect(await noted([...trained, steps(2, 1, lambda(-1))])).not.toContain(said)
    expect(await noted(trained)).not.toContain(said)
  })

  test('that the log is damaged: what stands before that is ranked', async () => {
    const { root, dir } = await run(trained, [])
    const log = join(dir, 'samples.log')
    const bytes = readFileSync(log)
    bytes[bytes.length - 10]! ^= 0xff
    writeFileSync(log, bytes)
    const text = (await ask(root, '--suspects', '1')).join('\n')
    expect(text).toMatch(/damaged +samples\.log, byte [\d,]+: a frame's checksum is wrong/)
    expect(text).toContain('samples were seen once each')
  })
})

describe('samples refuses, with the reason and the remedy,', () => {
  const refusal = async (
    bodies: readonly Body[],
    flags: readonly string[] = [],
    more: Partial<Manifest> = {},
  ) =>
    run(bodies, flags, more).then(
      () => undefined,
      (error: unknown) => error,
    )

  test('a run that keeps no samples', async () => {
    expect(await refusal([started(), told], [], sampling(0))).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('keeps no samples') as unknown,
      hint: expect.stringContaining("samples: 'all'") as unknown,
    })
  })

  test('samples without an index', async () => {
    const [step] = samples(0, [], []).steps
    const unindexed = {
      ...step!,
      losses: Float32Array.of(1),
      weights: Float32Array.of(1),
      labels: Uint32Array.of(3),
    }
    expect(
      await refusal([started(), { type: 'sample-batch', attempt: 1, steps: [unindexed] }]),
    ).toMatchObject({
      message: expect.stringContaining('have no index') as unknown,
      hint: expect.stringContaining('map-style dataset') as unknown,
    })
  })

  test('a run that has no samples yet, and a label that no sample has', async () => {
    expect(await refusal([started()])).toMatchObject({
      message: 'the run "digits-1" has no samples in its log',
    })
    expect(await refusal(complete, ['--class', '7'])).toMatchObject({
      message: 'no sample of the run "digits-1" has the label 7',
      hint: 'there are 0, 1',
    })
  })

  test.each([
    [['--suspects', '0'], 'commander.invalidArgument'],
    [['--class', '-1'], 'commander.invalidArgument'],
  ])('%j is refused as wrong usage', async (flags, code) => {
    const root = temporaryRoot()
    await writeRun(root, complete)
    const command = samplesCommand(() => undefined)
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
    await expect(
      command.parseAsync(['digits-1', '--runs', root, ...flags], { from: 'user' }),
    ).rejects.toMatchObject({ code })
  })
})
