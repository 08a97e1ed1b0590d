/** A training script as it stands, under a controller. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { defineExperiment, launch, off } from '../../src/index.js'
import { readManifest } from '../../src/log/run-directory.js'
import { readRunView } from '../../src/log/run-view.js'
import { startRun } from '../../src/run/start.js'
import { cli, startCli } from '../helpers/cli.js'
import { COLD_PYTHON } from '../helpers/python.js'
import { bodiesOf, PYTHON, runsFolder } from './helpers.js'

const SCRIPT = fileURLToPath(new URL('fixtures/script.py', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../python-worker/src', import.meta.url))

const scripted = defineExperiment({
  name: 'scripted',
  worker: { script: SCRIPT, args: ({ params }) => [params.folder, ...params.more] },
  params: z.object({ folder: z.string(), more: z.array(z.string()).default([]) }),
  controls: { lambda: off(), gamma: 1 },
})

function launchScript(runs: string, ...more: string[]) {
  const params = { folder: mkdtempSync(join(runs, 'kept-')), more }
  return launch(scripted, {
    runs: join(runs, 'runs'),
    python: PYTHON,
    threads: 1,
    handleSignals: false,
    params,
  })
}

const weightsOf = (text: string) => /^weights .*$/m.exec(text)?.[0]

async function runScript(runs: string, options: readonly string[], python: string): Promise<string> {
  const folder = mkdtempSync(join(runs, 'alone-'))
  const args = ['-m', 'absgd_worker.run', ...options, SCRIPT, folder]
  const env = { ...process.env, PYTHONPATH: SOURCE, OMP_NUM_THREADS: '1' }
  return (await promisify(execFile)(python, args, { env })).stdout
}

test('is steered while it trains, completes when it ends, and is trained alike by what was applied, without a controller', async () => {
  const runs = runsFolder()
  const run = await launchScript(runs, '--pace', '0.01')
  for await (const _first of run.reports()) break
  const { appliedAt } = await run.set({ lambda: -0.5 }, { at: 30 })
  expect(appliedAt).toBe(30)
  const summary = await run.result
  expect(summary).toMatchObject({ status: 'completed', steps: 60, attempt: 1, lostSteps: 0, waits: 0 })
  expect(summary.reason).toBe('the script ended by itself after 60 steps')
  const samples = (await bodiesOf(run.dir, 'sample-batch')).flatMap(({ steps }) => steps)
  expect(samples).toHaveLength(60)
  for (const { step, losses, weights } of samples) {
    const terms = Array.from(losses, (loss) => (step < 30 ? 1 : Math.exp(loss / -0.5)))
    const total = terms.reduce((sum, term) => sum + term, 0)
    weights.forEach((weight, i) => {
      expect(weight).toBeCloseTo((terms[i] ?? NaN) / total, 5)
    })
  }
  const controlled = weightsOf(readFileSync(join(run.dir, 'worker.log'), 'utf8'))
  expect(controlled).toBeDefined()

  const plan = join(runs, 'plan.json')
  expect(await cli(['plan', run.dir, '-o', plan])).toMatchObject({
    code: 0,
    stdout: `${plan}: lambda, gamma over 60 steps\n`,
  })
  expect(weightsOf(await runScript(runs, ['--plan', plan], PYTHON))).toBe(controlled)
})

test('is started again by a resume, and goes on where it had saved itself, as a new attempt', async () => {
  const runs = runsFolder()
  const run = await launchScript(runs, '--die', '33')
  const died = await run.result
  expect(died).toMatchObject({ status: 'failed', error: { type: 'worker', signal: 'SIGKILL' } })
  expect(died.reason).toContain('starts the script again')

  const manifest = readManifest(run.dir)
  const resolved = resolveExperiment(scripted, { params: manifest.params })
  const again = await startRun({ dir: run.dir, manifest, resolved, python: PYTHON, threads: 1 })
  expect((await again.ended).status).toBe('completed')
  expect(await bodiesOf(run.dir, 'rewind')).toMatchObject([{ attempt: 2, toStep: 20, cause: 'resume' }])
  expect((await readRunView(run.dir)).summary).toMatchObject({ steps: 60, attempt: 2, lostSteps: 0 })
  // The rows were off at first: nothing that the controller planned changed the script, nor does how its interpreter starts.
  expect(weightsOf(readFileSync(join(run.dir, 'worker.log'), 'utf8'))).toBe(
    weightsOf(await runScript(runs, [], COLD_PYTHON)),
  )
})

test('that raises ends the run as failed, with its traceback', async () => {
  const run = await launchScript(runsFolder(), '--raise', '7')
  const { status, steps, error } = await run.result
  expect({ status, steps }).toEqual({ status: 'failed', steps: 7 })
  expect(error).toMatchObject({
    type: 'task',
    message: 'the script failed: ValueError: a loss went wrong',
    traceback: expect.stringMatching(/^Traceback [^\n]+\n +File [^\n]*script\.py", line \d+/) as string,
  })
})

test('that is started by hand is waited for, told how, and driven by attach', async () => {
  const runs = runsFolder()
  const attached = startCli(['attach', '--name', 'hand', '--runs', join(runs, 'runs'), '--ui', 'plain'])
  let said = ''
  await new Promise<void>((told) => {
    attached.child.stderr?.on('data', (text: string) => {
      said += text
      if (said.includes('same variables')) told()
    })
  })
  const variables = Object.fromEntries(
    [...said.matchAll(/^ {2}(\w+)=(\S+) \\$/gm)].map(([, name, value]) => [name!, value!]),
  )
  expect(Object.keys(variables)).toEqual(['ABSGD_ENDPOINT', 'ABSGD_RUN', 'PYTHONPATH'])
  mkdirSync(join(runs, 'by-hand'))
  await promisify(execFile)(PYTHON, ['-m', 'absgd_worker.run', SCRIPT, join(runs, 'by-hand')], {
    env: { ...process.env, ...variables, OMP_NUM_THREADS: '1' },
  })
  const { code, stdout } = await attached.outcome
  expect(code).toBe(0)
  expect(stdout).toContain('the script ended by itself after 60 steps')
})
