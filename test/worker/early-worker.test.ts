import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startEarlyWorker } from '../../src/worker/early-worker.js'
import { temporaryFolder } from '../helpers/cli.js'
import { PYTHON } from '../helpers/python.js'

/** A script that writes down what it was given, and an early worker for it. */
function start() {
  const folder = temporaryFolder()
  const script = join(folder, 'script.py')
  const log = join(folder, 'worker.log')
  writeFileSync(
    script,
    `import os, sys
print(sys.argv[1:], os.environ["ABSGD_RUN"], os.environ["ABSGD_PARAMS"], repr(sys.stdin.read()))
`,
  )
  const worker = startEarlyWorker('script', { python: PYTHON, logFile: log, threads: 1 })
  const settings = {
    // No controller listens there. The script ends before it would say Hello.
    endpoints: { control: 'ipc:///tmp/absgd-none/control', telemetry: 'ipc:///tmp/absgd-none/telemetry' },
    runDirectory: folder,
    program: { kind: 'script', file: script, args: ['--lr', '0.1'] },
    paramsJson: '{"seed":3}',
  } as const
  return { folder, worker, settings, output: () => readFileSync(log, 'utf8') }
}

test('a worker that was started early runs with the settings that it is sent, and has no input', async () => {
  const { folder, worker, settings, output } = start()
  const begun = worker.begin(settings)!
  expect(await begun.exited).toMatchObject({ signal: undefined })
  expect(output()).toContain(`['--lr', '0.1'] ${folder} {"seed":3} ''`)
})

test('it is not used if the experiment file has changed the environment', () => {
  const { worker, settings, output } = start()
  process.env['ABSGD_TEST_CHANGED'] = '1'
  try {
    expect(worker.begin(settings)).toBeUndefined()
  } finally {
    delete process.env['ABSGD_TEST_CHANGED']
  }
  expect(output()).toBe('')
})

test('it is not used for a program of another kind', () => {
  const { worker, settings } = start()
  expect(worker.begin({ ...settings, program: { kind: 'task', task: 'task.py:build' } })).toBeUndefined()
})
