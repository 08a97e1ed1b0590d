import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { workerOf } from '../../src/log/lock/controller-file.js'
import { identityOf, isRunning } from '../../src/process/identity.js'
import { watchProcess } from '../../src/process/child.js'

const FILE = { pid: 1, endpoints: { control: '', telemetry: '' }, startedAt: '' }

test.runIf(process.platform === 'linux')(
  'a later process with the pid of a worker is not taken for it, and is not signalled',
  async () => {
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' })
    try {
      const pid = bystander.pid!
      const { bootId, processStart } = identityOf(pid)
      const worker = workerOf({
        ...FILE,
        bootId,
        workerPid: pid,
        workerStart: `${Number(processStart) - 1}`,
      })!
      expect(isRunning(worker)).toBe(false)
      const watched = watchProcess(worker)
      watched.kill('SIGKILL')
      expect(await watched.exited).toEqual({ exitCode: undefined, signal: undefined })
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull()

      const itself = workerOf({ ...FILE, bootId, workerPid: pid, workerStart: processStart })!
      expect(isRunning(itself)).toBe(true)
      expect(isRunning({ ...itself, bootId: 'of another boot' })).toBe(false)
      const gone = once(bystander, 'exit')
      watchProcess(itself).kill('SIGKILL')
      expect(await gone).toEqual([null, 'SIGKILL'])
    } finally {
      bystander.kill('SIGKILL')
    }
  },
)
