import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { lsCommand } from '../../src/cli/commands/ls.js'
import { checkpointCommand } from '../../src/cli/commands/operator/checkpoint.js'
import { evaluateCommand } from '../../src/cli/commands/operator/evaluate.js'
import { pauseCommand } from '../../src/cli/commands/operator/pause.js'
import { restoreCommand } from '../../src/cli/commands/operator/restore.js'
import { setCommand } from '../../src/cli/commands/operator/set.js'
import { stepCommand } from '../../src/cli/commands/operator/step.js'
import { stopCommand } from '../../src/cli/commands/operator/stop.js'
import { undoCommand } from '../../src/cli/commands/operator/undo.js'
import { showCommand } from '../../src/cli/commands/show.js'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { runPaths } from '../../src/log/run-paths.js'
import { requestOf } from '../../src/run/request.js'
import { readRunView } from '../../src/log/run-view.js'
import { joined, steps } from '../helpers/records.js'
import { temporaryRoot, writeRun } from '../helpers/runs.js'

async function heldRun(): Promise<{ root: string; dir: string }> {
  const root = temporaryRoot()
  const dir = await writeRun(root, [joined(), steps(0, 10)])
  acquireLock(dir)
  const { lock } = runPaths(dir)
  const token = JSON.parse(readFileSync(lock, 'utf8')) as object
  const elsewhere = { bootId: 'boot-b', host: 'gpu3', machineId: 'machine-b' }
  writeFileSync(lock, JSON.stringify({ ...token, ...elsewhere }))
  return { root, dir }
}

const printedBy = async (command: typeof lsCommand, ...args: string[]) => {
  const lines: string[] = []
  await command((line) => lines.push(line)).parseAsync(args, { from: 'user' })
  return lines.join('\n')
}

test('a run that is held elsewhere is neither lost nor said to run', async () => {
  const { root, dir } = await heldRun()
  const { summary } = await readRunView(dir)
  expect(summary).toMatchObject({ status: 'held-elsewhere', steps: 10 })
  expect(summary.holder).toMatch(/^process \d+, on the host "gpu3", /)
  const list = await printedBy(lsCommand, '--runs', root)
  expect(list).toContain('held elsewhere')
  expect(list).not.toMatch(/lost|running/)
  const page = await printedBy(showCommand, 'digits-1', '--runs', root)
  expect(page.replace(/\s+/g, ' ')).toContain('on the host "gpu3"')
  expect(page.replace(/\s+/g, ' ')).toContain('absgd resume digits-1 --take-over')
})

test('what is asked of it says where it has to be asked', async () => {
  const { dir } = await heldRun()
  await expect(requestOf(dir, 'digits-1', { type: 'pause' })).rejects.toThrow(
    'the run "digits-1" is held elsewhere: process',
  )
})

test.each([
  ['pause', pauseCommand(), []],
  ['checkpoint', checkpointCommand(), []],
  ['evaluate', evaluateCommand(), []],
  ['stop', stopCommand(), []],
  ['step', stepCommand(), []],
  ['restore', restoreCommand(), ['--to', '5']],
  ['set', setCommand(), ['lambda=-2']],
  ['undo', undoCommand(), []],
])('%s of a pattern skips it, like a run without a controller', async (_, command, args) => {
  const { root } = await heldRun()
  await expect(command.parseAsync(['digits-*', ...args, '--runs', root], { from: 'user' })).rejects.toThrow(
    'no run that matches "digits-*" has a controller here',
  )
})
