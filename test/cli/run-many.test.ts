import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { compareCommand } from '../../src/cli/commands/compare.js'
import { runCommand } from '../../src/cli/commands/run.js'
import { exitCodeOfSet } from '../../src/cli/run-many.js'
import { loadExperiment } from '../../src/experiment/files/load-experiment.js'
import { readRunView } from '../../src/log/run-view.js'
import type { Manifest } from '../../src/record/manifest.js'
import type { RunSummary } from '../../src/history/summarize-run.js'
import { planRunSet, type PlannedRun } from '../../src/run/run-set.js'
import type { Comparison } from '../../src/statistics/compare-runs.js'
import {
  cli,
  fixturePath,
  jsonLines,
  makeFolder,
  namesIn,
  runArgs,
  startCli,
  summaryOf,
  until,
} from '../helpers/cli.js'
import { ended, EPOCH_MS, evaluation, joined, started, steps } from '../helpers/records.js'
import { writeRun } from '../helpers/runs.js'
import { summary } from '../helpers/summaries.js'

const LIMIT_MS = 240_000
const ARMS = ['gentle', 'hasty']
const LENGTH = 200
const PARAMS = { length: String(LENGTH), pace: '0.01' }
const SET = [
  ...['--arm', ARMS.join(','), '--seeds', '3', '--jobs', '2'],
  ...Object.entries(PARAMS).flatMap(([name, value]) => ['--param', `${name}=${value}`]),
]
const runs = makeFolder()

afterAll(async () => {
  // A test that broke off leaves runs behind that would train on.
  for (const run of namesIn(runs)) {
    const { controller, worker } = (await summaryOf(runs, run))?.pids ?? {}
    for (const pid of [controller, worker]) if (typeof pid === 'number') process.kill(pid, 'SIGKILL')
  }
  rmSync(runs, { recursive: true, force: true })
})

test(
  'a set that Ctrl-C broke off is completed by the same command: what is done is left alone, the rest goes on',
  async () => {
    // Three are completed and one has failed, as if the command had been given before.
    const [gentle0, hasty0, gentle1, hasty1, , hasty2] = await plannedRuns()
    for (const [i, { manifest }] of [gentle0!, hasty0!, gentle1!].entries())
      await writeRun(runs, wholeRun(0.5 + i / 10), made(manifest, i))
    const failure = ended(0, { status: 'failed', reason: 'no memory' })
    await writeRun(runs, [started(), failure], made(hasty1!.manifest, 3))

    const first = startCli(runArgs('tiny.ts', runs, ...SET))
    const [again, fresh] = ['tiny-hasty-seed1', 'tiny-gentle-seed2'] as const
    await Promise.all([again, fresh].map(driven))
    await until(runs, fresh, ({ steps, phase }) => steps > 0 && phase === 'training')
    first.child.kill('SIGINT')
    const interrupted = await first.outcome
    expect(interrupted.stderr).toContain('checkpointing and stopping 2 runs')
    expect(interrupted.code).toBe(130)
    expect(interrupted.stdout).toContain('6 runs, 3 of them completed already, 2 at a time')
    expect(interrupted.stdout).toContain(`${again}  goes on after 0 steps (it was failed)`)
    expect(interrupted.stdout).toContain(`${fresh}  started`)
    for (const run of [again, fresh])
      expect(interrupted.stdout).toMatch(new RegExp(`[45]/6  ${run}  interrupted`))
    expect(interrupted.stdout).toContain('3 of 6 runs completed')
    expect(namesIn(runs)).not.toContain('tiny-hasty-seed2')
    await writeRun(runs, wholeRun(0.8), hasty2!.manifest)
    const { summary: stood } = await readRunView(join(runs, fresh))
    expect(stood.checkpoints.at(-1)?.step).toBe(stood.steps)

    const second = await cli(runArgs('tiny.ts', runs, ...SET))
    expect(second.stderr).toBe('')
    expect(second.code).toBe(0)
    expect(second.stdout).toContain(`${fresh}  goes on after ${stood.steps} steps (it was interrupted)`)
    expect(second.stdout).toContain('6 runs completed')
    expect(second.stdout).toMatch(/^ {2}hasty +3 .*\[.*\] +\d\/3/m)
    const wide = second.stdout.split('\n').filter((line) => [...line].length > 80 && !line.includes(runs))
    expect(wide).toEqual([])
    for (const { dir } of await plannedRuns())
      expect((await readRunView(dir)).summary).toMatchObject({ status: 'completed', steps: LENGTH })

    const third = await cli(runArgs('tiny.ts', runs, ...SET, '--ui', 'json'))
    expect(third.code).toBe(0)
    const lines = jsonLines(third.stdout)
    expect(lines.map(({ type }) => type)).toEqual([...Array<string>(6).fill('end'), 'comparison'])
    const compared = lines.at(-1) as unknown as Comparison
    expect(compared).toMatchObject({ baseline: 'gentle', leftOut: [] })
    expect(compared.metrics[0]!.arms[1]).toMatchObject({ name: 'hasty', n: 3, difference: { pairs: 3 } })
    const shown: string[] = []
    await compareCommand((line) => shown.push(line)).parseAsync(['tiny', '--runs', runs, '--json'], {
      from: 'user',
    })
    expect(JSON.parse(shown.join(''))).toEqual(compared)
  },
  LIMIT_MS,
)

test.each([
  ['--detach', ['--detach'], '--detach takes one run'],
  ['a setting that its runs do not have', ['--param', 'size=51'], 'params.size is 50; asked for is 51'],
])('a set does not take %s', async (_, args, words) => {
  const [, ...typed] = runArgs('tiny.ts', runs, ...SET, ...args)
  await expect(runCommand().parseAsync(typed, { from: 'user' })).rejects.toThrow(words)
})

test('the exit code of a set is that of the worst of its runs', () => {
  const code = (statuses: readonly RunSummary['status'][], more = {}) =>
    exitCodeOfSet({
      summaries: statuses.map((status) => summary({ status })),
      refused: 0,
      interrupted: false,
      ...more,
    })
  expect(code(['completed', 'completed'])).toBe(0)
  expect(code(['completed', 'stopped'])).toBe(0)
  expect(code(['completed', 'lost', 'failed'])).toBe(1)
  expect(code(['completed', 'resumable'])).toBe(75)
  expect(code(['completed'], { refused: 1 })).toBe(1)
  expect(code(['failed', 'interrupted'], { interrupted: true })).toBe(130)
})

async function plannedRuns(): Promise<readonly PlannedRun[]> {
  const experimentFile = fixturePath('tiny.ts')
  const experiment = await loadExperiment(experimentFile)
  const set = await planRunSet({
    experiment,
    experimentFile,
    arms: ARMS,
    seeds: [0, 1, 2],
    params: PARAMS,
    runs,
  })
  return set.runs
}

/** One after the other, so that the first arm is known by its age. */
function made(manifest: Manifest, second: number): Manifest {
  return { ...manifest, createdAt: new Date(EPOCH_MS + 1000 * second).toISOString() }
}

function wholeRun(accuracy: number) {
  return [started(), joined(), steps(0, LENGTH), evaluation(LENGTH - 1, { accuracy }), ended(LENGTH)]
}

/** Waits until a controller drives the run. */
async function driven(run: string): Promise<void> {
  while (!namesIn(join(runs, run)).includes('controller.json')) await sleep(LOOK_INTERVAL_MS)
}

const LOOK_INTERVAL_MS = 50
