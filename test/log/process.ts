/** Run as a process of its own by `child.ts`: `node --import scripts/typescript.mjs process.ts ROLE DIRECTORY …`. */
import { execFileSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { toAbsgdError } from '../../src/errors.js'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import { encodeRecord } from '../../src/wire/codec.js'

const roles = { hold, contend, 'full-disk': fullDisk }

export type Role = keyof typeof roles

const [role, dir = ''] = process.argv.slice(2)
await roles[role as Role]()

/** Holds the lock until it is killed. */
async function hold(): Promise<void> {
  acquireLock(dir)
  say('held')
  for await (const _ of process.stdin);
}

/** Tries to take the lock of every directory that it reads a line with. */
async function contend(): Promise<void> {
  say('ready')
  for await (const contended of createInterface({ input: process.stdin })) {
    try {
      acquireLock(contended)
      say('held')
    } catch (error) {
      say(toAbsgdError(error, 'log').code)
    }
  }
}

/** Writes against a limit on the size of its files, then without it. */
async function fullDisk(): Promise<void> {
  const log = openLogWriter(dir)
  process.on('SIGXFSZ', () => undefined)
  limitFileSize('100000')
  for (let seq = 1; seq <= 3000; seq++) append(seq)
  await attempt()
  await attempt()
  limitFileSize('unlimited')
  append(3001)
  await log.close()
  say('done')

  function append(seq: number): void {
    const body = { type: 'rewind', attempt: 1, toStep: seq, cause: 'test' } as const
    const record = { origin: 'worker-0', incarnation: '00000000000000a1', seq, timeMs: 0, body }
    log.append('steps', encodeRecord(record))
  }

  async function attempt(): Promise<void> {
    await log.sync().catch((error: unknown) => {
      say(`refused: ${toAbsgdError(error, 'usage').code}`)
    })
  }
}

function limitFileSize(limit: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${limit}:unlimited`])
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
