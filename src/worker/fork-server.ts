/**
 * Workers of several runs as forks of one Python process that has imported torch (`python-worker/src/absgd_worker/fork_server/`).
 *
 * A small process between that one and each worker waits for the worker's end, and reports it over a connection of the worker's
 * controller. So a worker and its controller go on when the server ends, or the command that started it.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  lastLines,
  signalProcess,
  spawnAwaitingInput,
  watchProcess,
  type ProcessExit,
  type ProcessHandle,
  type SpawnOptions,
} from '../process/child.js'
import { identityOf, isRunning } from '../process/identity.js'
import { pythonProcess } from './local.js'

export interface ForkServer {
  /** Given to those that ask for a worker. */
  readonly folder: string
  /** Ends the server. Workers go on. */
  end(): void
}

/** Whether workers may be forked here: on Linux, unless ABSGD_FORK is "off". */
export function mayFork(): boolean {
  return process.platform === 'linux' && process.env['ABSGD_FORK'] !== 'off'
}

/** Starts a server, which imports torch. It ends with this process, however that ends. */
export function startForkServer(python: string): ForkServer {
  // Only its owner can enter it. The server removes it if this process is killed.
  const folder = mkdtempSync(join(tmpdir(), 'absgd-fork-'))
  writeFileSync(join(folder, ENVIRONMENT), inheritedEnvironment(), { mode: 0o600 })
  const logFile = join(folder, LOG)
  // In a session of its own, because Ctrl-C is for the command, whose controllers may still ask for workers.
  const server = spawnAwaitingInput(
    pythonProcess(['-m', 'absgd_worker.fork_server', folder], {}, { python, logFile }),
  )
  void server.exited.then(() => {
    // Those that wait for it see from this that nobody will come.
    if (existsSync(folder)) writeFileSync(join(folder, ENDED), lastLines(logFile, { lines: 1 }))
  })
  return {
    folder,
    end() {
      server.endInput('')
      server.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Asks the server for a process, once it has imported torch.
 *
 * @throws Error with the reason, in words, if there will be none.
 */
export async function forkProcess(
  folder: string,
  options: SpawnOptions,
  signal: AbortSignal,
): Promise<ProcessHandle> {
  const connection = await connected(folder, signal)
  // As for a process that is started here, the file exists before the process does.
  closeSync(openSync(options.outputFile, 'a', 0o600))
  const { first, second } = answersOf(connection)
  connection.write(encode(options))
  const [answer, text] = await first
  if (answer === 'pid') return handleOf(Number(text), second)
  connection.destroy()
  throw new Error(answer === 'refused' ? text : ENDED_BEFORE)
}

/** Its exit code comes over the connection. If that breaks, the process is watched, and its exit code is unknown. */
function handleOf(pid: number, end: Promise<Answer>): ProcessHandle {
  const identity = identityOf(pid)
  return {
    pid,
    exited: end.then(([answer, text]) =>
      answer === 'ended' ? exitOf(Number(text)) : watchProcess(identity).exited,
    ),
    kill: (signal) => {
      if (isRunning(identity)) signalProcess(pid, signal)
    },
  }
}

/** Takes a wait status apart, as the kernel of Linux puts it together. */
export function exitOf(status: number): ProcessExit {
  const signal = status & 0x7f
  if (signal === 0) return { exitCode: status >> 8, signal: undefined }
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? []
  return { exitCode: undefined, signal: name ?? `signal ${signal}` }
}

/** Waits until the server listens. */
async function connected(folder: string, signal: AbortSignal): Promise<Socket> {
  const deadline = Date.now() + IMPORT_LIMIT_MS
  const [socket, ended] = [join(folder, SOCKET), join(folder, ENDED)]
  if (existsSync(folder) && readFileSync(join(folder, ENVIRONMENT), 'utf8') !== inheritedEnvironment())
    throw new Error('the experiment file has changed the environment, part of which torch had read by then')
  while (!existsSync(socket)) {
    signal.throwIfAborted()
    if (!existsSync(folder)) throw new Error(ENDED_BEFORE)
    if (existsSync(ended)) throw new Error(`${ENDED_BEFORE}: ${readFileSync(ended, 'utf8')}`)
    if (Date.now() > deadline)
      throw new Error(`torch was not imported within ${IMPORT_LIMIT_MS / 1000} seconds`)
    await sleep(POLL_MS)
  }
  return new Promise((resolve, reject) => {
    const connection = connect(socket)
    connection.once('error', reject)
    connection.once('connect', () => {
      // A later error closes the connection, which is enough to know.
      connection.off('error', reject).on('error', () => undefined)
      resolve(connection)
    })
  })
}

/** The first word of a line, and the rest. */
type Answer = readonly [string, string]

/** The two lines that answer a request; empty if the connection closes before. */
function answersOf(connection: Socket): {
  readonly first: Promise<Answer>
  readonly second: Promise<Answer>
} {
  let received = ''
  const line = (index: number) =>
    new Promise<Answer>((resolve) => {
      const look = () => {
        const lines = received.split('\n')
        if (index >= lines.length - 1) return
        const [word = '', ...rest] = lines[index]!.split(' ')
        resolve([word, rest.join(' ')])
      }
      connection.on('data', look).once('close', () => resolve(['', '']))
    })
  connection.setEncoding('utf8').on('data', (text: string) => (received += text))
  return { first: line(0), second: line(1) }
}

/** The format is described in absgd_worker/fork_server/request.py. */
function encode({ args, environment, outputFile, directory = process.cwd() }: SpawnOptions): Buffer {
  const texts = [
    ...args.map((argument) => `argument=${argument}`),
    ...Object.entries({ ...process.env, ...environment }).map(([name, value]) => `variable=${name}=${value}`),
    `directory=${directory}`,
    `output=${outputFile}`,
  ]
  const body = Buffer.from(texts.join('\0'))
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}

/** A digest, since an environment may hold secrets. */
function inheritedEnvironment(): string {
  const variables = Object.entries(process.env).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(variables)).digest('hex')
}

const SOCKET = 'socket'
const ENVIRONMENT = 'environment'
const ENDED = 'ended'
const LOG = 'server.log'
const ENDED_BEFORE = 'the process that had imported torch has ended'
const IMPORT_LIMIT_MS = 120_000
const POLL_MS = 20
