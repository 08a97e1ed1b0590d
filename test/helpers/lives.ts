/** A run whose controllers and workers come and go: real logs and spools, the controller's own loop, a worker played by hand. */
import { setImmediate as turn } from 'node:timers/promises'
import { startController, type Controller } from '../../src/controller/controller.js'
import { restartedState, withOpenEdits } from '../../src/controller/decisions/recovery.js'
import { placeInStream } from '../../src/controller/state/received-telemetry.js'
import { readSpool, removeSpool } from '../../src/log/files/worker-spool.js'
import { openSpool } from '../../src/simulated/spool.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import type { Body, Position } from '../../src/record/record.js'
import { appendSpooled, recoverLog } from '../../src/run/recover-log.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { createMemoryChannel, type MemoryPeer } from '../../src/wire/memory-channel.js'
import { createTelemetry, type Telemetry } from '../../src/simulated/telemetry.js'
import type { ProcessExit } from '../../src/process/child.js'
import { context, hello } from './controller.js'

export interface Lives {
  /** The records of every worker so far, in hexadecimal, as they were made. */
  readonly reported: readonly string[]
  /** How often the present worker introduced itself. */
  hellos(): number
  /** Nothing where no worker lives. */
  report(body: Body): void
  /** Sends at most `count` of the frames that wait. */
  send(count: number): Promise<void>
  /** A second passes: the controller syncs its log and acknowledges. */
  second(): Promise<void>
  /** SIGKILL. @param damage - What happens to the files before anybody takes up the run again. */
  killController(damage?: () => void): Promise<void>
  /** SIGKILL. The controller, where there is one, ends the run. */
  killWorker(): Promise<void>
  /** `absgd resume`; nothing where a controller lives. */
  resume(): Promise<void>
  /** Lets go of every file. */
  close(): Promise<void>
}

interface Worker {
  readonly incarnation: string
  readonly telemetry: Telemetry
  position: Position
  isLeased: boolean
  hellos: number
  /** Undefined while no controller was there for it. */
  peer: MemoryPeer | undefined
}

interface Life {
  readonly controller: Controller
  readonly connect: () => MemoryPeer
  readonly synced: () => Promise<void>
  readonly kill: () => Promise<void>
  readonly workerExited: () => void
}

/** @param advance - Makes the controller's clock advance by so many milliseconds. */
export async function beginLives(dir: string, advance: (ms: number) => void): Promise<Lives> {
  const reported: string[] = []
  const closing: (() => Promise<void> | void)[] = []
  let workers = 0
  let life: Life | undefined
  let worker: Worker = startWorker()
  let workerLives = true

  function startWorker(): Worker {
    workers += 1
    const incarnation = workers.toString(16).padStart(16, '0')
    const spool = openSpool(dir, incarnation)
    closing.push(() => {
      spool.close()
    })
    const telemetry = createTelemetry({
      origin: 'worker-0',
      incarnation,
      spool,
      encode(record) {
        const bytes = encodeRecord(record)
        reported.push(Buffer.from(bytes).toString('hex'))
        return bytes
      },
      label: () => 0,
      limitBytes: Infinity,
    })
    const position = { attempt: 0, step: 0 }
    return { incarnation, telemetry, position, isLeased: false, hellos: 0, peer: undefined }
  }

  function introduce(): void {
    const { incarnation, position, telemetry } = worker
    worker.hellos += 1
    worker.peer?.send(hello({ incarnation, position, forgotten: telemetry.forgotten() }))
  }

  async function connectWorker(): Promise<void> {
    const self = worker
    const peer = life!.connect()
    self.peer = peer
    self.isLeased = false
    void listen(self, peer)
    introduce()
    await settle()
  }

  async function listen(self: Worker, peer: MemoryPeer): Promise<void> {
    for await (const message of peer.incoming()) {
      if (self.peer !== peer) return
      if (message.type === 'welcome') {
        self.isLeased = true
        self.position = { attempt: message.attempt, step: self.position.step }
        self.telemetry.welcome(message.acked, message.sampleQuotaBytes)
      } else if (message.type === 'telemetry-ack') {
        self.telemetry.acknowledge(message.acked)
      } else if (message.type === 'reject') {
        self.isLeased = false
        introduce()
      }
    }
  }

  async function startLife(): Promise<Life> {
    const logged = await recoverLog(dir)
    const log = openLogWriter(dir)
    closing.push(() => log.close())
    const recovered = await appendSpooled(dir, log, logged, workerLives)
    const hasWorker = recovered.worker !== undefined
    const initial = workerLives || !hasWorker ? withOpenEdits(recovered) : restartedState(recovered).state
    const memory = createMemoryChannel()
    let isKilled = false
    let syncing: Promise<void> = Promise.resolve()
    let exit: (how: ProcessExit) => void = () => undefined
    const controller = startController({
      context,
      initial,
      opening: [],
      channel: {
        ...memory.controller,
        async *incoming() {
          yield* memory.controller.incoming()
          if (isKilled) throw new Error('killed')
        },
      },
      log: { ...log, sync: () => (syncing = log.sync()) },
      worker: { pid: 1, exited: new Promise((resolve) => (exit = resolve)), kill: () => undefined },
      lastLines: () => '',
      spooled: () => readSpool(dir),
      summary: () => Promise.resolve({}),
      encode: encodeRecord,
    })
    controller.ended.catch(() => undefined)
    return {
      controller,
      connect: () => memory.connect(),
      synced: () => syncing,
      async kill() {
        isKilled = true
        await memory.controller.close()
        await controller.ended.catch(() => undefined)
        await settle()
      },
      workerExited: () => {
        exit({ exitCode: undefined, signal: 'SIGKILL' })
      },
    }
  }

  const lives: Lives = {
    reported,
    hellos: () => worker.hellos,
    report(body) {
      if (!workerLives) return
      if (body.type === 'sample-batch') worker.telemetry.appendSamples(body)
      else worker.telemetry.append(body)
    },
    async send(count) {
      if (!worker.isLeased) return
      const frames = worker.telemetry.unsent()
      for (let sent = 0; sent < count; sent++) {
        const next = frames.next()
        if (next.done === true) break
        worker.peer?.reportBytes(next.value)
      }
      await settle()
    },
    async second() {
      advance(1000)
      await life?.synced()
      await settle()
    },
    async killController(damage = () => undefined) {
      await life?.kill()
      life = undefined
      worker.isLeased = false
      worker.peer = undefined
      damage()
    },
    async killWorker() {
      workerLives = false
      worker.peer = undefined
      worker.isLeased = false
      const ending = life
      if (ending === undefined) return
      ending.workerExited()
      await ending.controller.ended
      const { received } = ending.controller.state()
      await removeSpool(dir, (name) => placeInStream({ received }, name) === 'duplicate')
      life = undefined
    },
    async resume() {
      if (life !== undefined) return
      life = await startLife()
      if (!workerLives) worker = startWorker()
      workerLives = true
      await connectWorker()
    },
    async close() {
      await life?.kill()
      for (const close of closing) await close()
    },
  }
  await lives.resume()
  return lives
}

/** Until whatever was under way in this process has come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await turn()
}
