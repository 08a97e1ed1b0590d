import { expect, test } from 'vitest'
import { launchTiny } from './helpers.js'

const failed = async (fault: string, overrides: Parameters<typeof launchTiny>[0] = {}) => {
  const run = await launchTiny(overrides, { params: { fault } })
  const { status, reason, error } = await run.result
  expect(status).toBe('failed')
  expect(error?.message).toBe(reason)
  return error
}

test('a task that raises is an error of type "task", with its Python traceback', async () => {
  const error = await failed('raise')
  expect(error).toMatchObject({ type: 'task', message: expect.stringContaining('ValueError') as string })
  expect(error?.type === 'task' && error.traceback).toMatch(
    /^Traceback[^]*tiny\.py", line \d+, in loss\n[^]*ValueError: a loss went wrong/,
  )
})

test('a worker that is killed is one of type "worker", with the signal', async () => {
  expect(await failed('suicide')).toMatchObject({ type: 'worker', exitCode: null, signal: 'SIGKILL' })
})

test('a task that cannot be built is one of type "worker" too: its traceback is among the last lines', async () => {
  const error = await failed('build')
  expect(error).toMatchObject({ type: 'worker', exitCode: 1, signal: null })
  expect(error?.type === 'worker' && error.lastLines).toMatch(/RuntimeError: the task cannot be built today/)
})

test('a run that does not fail has none', async () => {
  expect(await (await launchTiny()).result).not.toHaveProperty('error')
})
