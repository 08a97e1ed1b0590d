/** A script that no controller drives, killed in the middle of an epoch and started again. */
import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { readRunView } from '../../../src/log/run-view.js'
import { cli } from '../../helpers/cli.js'
import { COLD_PYTHON } from '../../helpers/python.js'
import { bodiesOf, PYTHON, runsFolder } from '../helpers.js'

const SCRIPT = fileURLToPath(new URL('../../../python-worker/tests/scripts/resumable.py', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../../python-worker/src', import.meta.url))

/** What the script prints at its end: steps, and every weight to its last bit. Rejects when a signal ends it. */
async function train(runs: string, diesAt: number, python = PYTHON): Promise<string> {
  const { stdout } = await promisify(execFile)(python, [SCRIPT, join(runs, 'saved'), String(diesAt)], {
    env: { ...process.env, PYTHONPATH: SOURCE, ABSGD_RUNS: runs, OMP_NUM_THREADS: '1' },
  })
  return stdout
}

test('a script that is killed and started again goes on with its run, as if nothing had been', async () => {
  const [whole, runs] = [runsFolder(), runsFolder()]
  const killed = train(runs, 13)
  const [uninterrupted] = await Promise.all([
    train(whole, 0, COLD_PYTHON),
    expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' }),
  ])
  const dir = join(runs, 'mine')
  // Its courier says so, right after it.
  const reason =
    'the process that trained has ended without a word: it was killed or has crashed after 13 steps'
  await vi.waitFor(async () => {
    expect((await readRunView(dir)).summary).toMatchObject({ status: 'failed', attempt: 1, reason })
  })
  // The frame that the machine was writing when it went down.
  for (const log of ['steps.log', 'samples.log'])
    appendFileSync(join(dir, log), Buffer.of(99, 0, 0, 0, 1, 2, 3))

  expect(await train(runs, 0)).toBe(uninterrupted)
  expect(readdirSync(runs).sort()).toEqual(['mine', 'saved'])
  expect(readdirSync(dir).filter((name) => name.includes('.cut-'))).toHaveLength(2)
  expect(existsSync(join(dir, 'lock'))).toBe(false)

  const { summary, snapshot } = await readRunView(dir)
  expect(summary).toMatchObject({ status: 'completed', attempt: 2, lostSteps: 0, duplicatedSteps: 0 })
  expect(snapshot.rewinds).toEqual([{ attempt: 2, toStep: 10, cause: 'resume' }])
  const applied = async (of: string) =>
    (await bodiesOf(of, 'step-batch')).flatMap(({ attempt, firstStep, controls }) =>
      [...controls['lambda']!].map((lambda, i) => ({ attempt, step: firstStep + i, lambda })),
    )
  const visible = (await applied(dir)).filter(({ attempt, step }) => attempt === 2 || step < 10)
  expect(visible.map(({ step, lambda }) => [step, lambda])).toEqual(
    (await applied(join(whole, 'mine'))).map(({ step, lambda }) => [step, lambda]),
  )

  const said = async (...args: string[]) => (await cli([...args, '--runs', runs])).stdout
  expect(await said('show', 'mine')).toMatch(/completed after 24 steps, attempt 2/)
  expect(await said('ledger', 'mine')).toMatch(/back to step 10 \(resume\) +script/)
  expect(await said('samples', 'mine')).toMatch(/the losses of 64 samples/)
}, 60_000)
