/** A controller small enough to be read at a glance: it keeps what comes in, and says what a test tells it to. */
import {
  streamOf,
  type Acked,
  type Action,
  type Body,
  type LogRecord,
  type Plan,
} from '../../src/record/record.js'
import { DEFAULT_WEIGHTING } from '../../src/record/weighting-rule.js'
import type { ControllerChannel, PeerId } from '../../src/wire/channel.js'
import type { CommandResult, ToController, ToPeer, Welcome } from '../../src/wire/message.js'

export interface ScriptOptions {
  readonly welcome?: Partial<Welcome>
  /** Answers a Hello with a Welcome. @default true */
  readonly admits?: boolean
  /** Answers every Progress with all telemetry taken so far, as with a fast disk. @default true */
  readonly acknowledges?: boolean
}

/** What a controller has on disk, and one that is started again finds. */
export interface Durable {
  readonly lease: number
  readonly planSeq: number
  readonly incarnation: string
  readonly acked: Acked
  readonly records: readonly LogRecord[]
}

type MessageOf<T extends ToController['type']> = Extract<ToController, { type: T }>
type BodyOf<T extends Body['type']> = Extract<Body, { type: T }>
export type PlanSpec = Pick<Plan, 'firstStep' | 'count'> &
  Partial<Omit<Plan, 'columns'>> & { readonly columns?: Readonly<Record<string, number | readonly number[]>> }

export class Scripted {
  readonly messages: ToController[] = []
  /** Without duplicates. */
  readonly records: LogRecord[]
  /** Every telemetry frame, duplicates included. */
  readonly frames: { readonly record: LogRecord; readonly bytes: Uint8Array }[] = []
  readonly malformed: string[] = []
  private readonly admits: boolean
  private readonly acknowledges: boolean
  lease: number
  private peer: PeerId | undefined
  private planSeq: number
  private incarnation: string
  private taken: { steps: number; samples: number }
  private acked: Acked
  private readonly waiters = new Set<() => void>()
  private readonly channel: ControllerChannel
  private readonly welcome: Partial<Welcome>

  constructor(channel: ControllerChannel, options: ScriptOptions = {}, durable?: Durable) {
    this.channel = channel
    this.welcome = options.welcome ?? {}
    this.admits = options.admits ?? true
    this.acknowledges = options.acknowledges ?? true
    this.lease = durable?.lease ?? 0
    this.planSeq = durable?.planSeq ?? 0
    this.incarnation = durable?.incarnation ?? ''
    this.acked = durable?.acked ?? { steps: 0, samples: 0 }
    this.taken = { ...this.acked }
    this.records = [...(durable?.records ?? [])]
    void this.read()
  }

  /** What another controller would find on disk: the records that were acknowledged. */
  durable(): Durable {
    const { lease, planSeq, incarnation, acked } = this
    const records = this.records.filter(({ seq, body }) => seq <= acked[streamOf(body)])
    return { lease, planSeq, incarnation, acked, records }
  }

  close(): Promise<void> {
    return this.channel.close()
  }

  /** The first value that is neither undefined nor false, looked for whenever something has arrived. */
  async until<T>(look: () => T | undefined | false, what: string): Promise<T> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.notify()
    }, PATIENCE_MS)
    try {
      for (;;) {
        const value = look()
        if (value !== undefined && value !== false) return value
        if (late) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`)
        await new Promise<void>((resolve) => this.waiters.add(resolve))
      }
    } finally {
      clearTimeout(timer)
    }
  }

  send(message: ToPeer): void {
    this.channel.send(this.peer ?? '', message)
  }

  /** Sends rows, numbered next unless told otherwise, and returns their sequence. */
  plan({ columns = {}, ...more }: PlanSpec): number {
    this.planSeq += 1
    const plan: Plan = {
      type: 'plan',
      leaseEpoch: this.lease,
      planSeq: this.planSeq,
      attempt: 1,
      columns: Object.fromEntries(
        Object.entries(columns).map(([name, values]) => [
          name,
          Float64Array.from(typeof values === 'number' ? [values] : values),
        ]),
      ),
      events: [],
      runSteps: 0,
      ...more,
    }
    this.send(plan)
    return plan.planSeq
  }

  ackOf(planSeq: number): Promise<number> {
    const find = () => this.of('plan-ack').find((ack) => ack.planSeq === planSeq)?.effectiveFrom
    return this.until(find, `the answer to plan ${planSeq}`)
  }

  command(id: string, action: Action): void {
    this.send({ type: 'command', leaseEpoch: this.lease, id, action })
  }

  /** A command, and the first answer to it. */
  ask(id: string, action: Action): Promise<CommandResult> {
    this.command(id, action)
    return this.until(
      () => this.of('command-result').find((result) => result.id === id),
      `the answer to ${id}`,
    )
  }

  of<T extends ToController['type']>(type: T): MessageOf<T>[] {
    return this.messages.filter((message): message is MessageOf<T> => message.type === type)
  }

  bodies<T extends Body['type']>(type: T): BodyOf<T>[] {
    return this.records.flatMap(({ body }) => (body.type === type ? [body as BodyOf<T>] : []))
  }

  admitted(): Promise<MessageOf<'hello'>> {
    return this.until(() => this.lease > 0 && this.peer !== undefined && this.of('hello').at(-1), 'a Hello')
  }

  /** The last sign of life, once it tells of that phase, at that step or wherever. */
  inPhase(phase: MessageOf<'progress'>['phase'], step?: number): Promise<MessageOf<'progress'>> {
    const find = () => {
      const told = this.of('progress').at(-1)
      return told?.phase === phase && (step ?? told.position.step) === told.position.step && told
    }
    return this.until(find, `phase ${phase}`)
  }

  /** Waits for the last word and for all that it announces; lets the worker go unless told otherwise. */
  async farewell({ release = true } = {}): Promise<MessageOf<'bye'>> {
    const bye = await this.until(() => this.of('bye').at(-1), 'Bye')
    const { steps, samples } = bye.sent
    await this.until(
      () => this.taken.steps === steps && this.taken.samples === samples,
      'the telemetry of Bye',
    )
    this.acknowledge()
    if (release) this.send({ type: 'released' })
    return bye
  }

  acknowledge(): void {
    this.acked = { ...this.taken }
    this.send({ type: 'telemetry-ack', incarnation: this.incarnation, acked: this.acked })
  }

  /** Answers a Hello, the last one unless told otherwise. */
  admit(hello = this.of('hello').at(-1)!): void {
    if (hello.incarnation !== this.incarnation) this.taken = { steps: 0, samples: 0 }
    this.acked = { ...this.taken }
    this.incarnation = hello.incarnation
    this.lease += 1
    this.send({
      type: 'welcome',
      run: RUN,
      attempt: hello.position.attempt || 1,
      leaseEpoch: this.lease,
      paramsJson: JSON.stringify(PARAMS),
      acked: this.acked,
      sampleEvery: 1,
      sampleQuotaBytes: 2 ** 40,
      orphanLimitSeconds: 600,
      keepCheckpoints: 0,
      restorePath: '',
      restoreSha256: '',
      runSteps: 0,
      weighting: DEFAULT_WEIGHTING,
      ...this.welcome,
    })
  }

  private async read(): Promise<void> {
    for await (const incoming of this.channel.incoming()) {
      if (incoming.type === 'malformed') this.malformed.push(incoming.reason)
      else if (incoming.type === 'unread') this.malformed.push(incoming.reason ?? 'a record of a newer kind')
      else if (incoming.type === 'telemetry') this.take(incoming.record, incoming.bytes)
      else this.hear(incoming.peer, incoming.message)
      this.notify()
    }
  }

  private hear(peer: PeerId, message: ToController): void {
    this.messages.push(message)
    if (message.type === 'request' || message.type === 'operator-hello') return
    if (message.type === 'hello') {
      this.peer = peer
      if (this.admits) this.admit(message)
    } else if (peer !== this.peer || message.leaseEpoch !== this.lease) {
      this.channel.send(peer, { type: 'reject', code: 'no-lease', hint: 'say Hello' })
    } else if (message.type === 'progress' && this.acknowledges) this.acknowledge()
  }

  private take(record: LogRecord, bytes: Uint8Array): void {
    this.frames.push({ record, bytes })
    const stream = streamOf(record.body)
    // What is not next is a duplicate, or comes again after a hole.
    if (record.incarnation !== this.incarnation || record.seq !== this.taken[stream] + 1) return
    this.taken[stream] = record.seq
    this.records.push(record)
  }

  private notify(): void {
    for (const waiter of this.waiters) waiter()
    this.waiters.clear()
  }
}

export const RUN = 'test'
/** The Python task can predict, where it is told to. */
export const PARAMS = { predict: true, rare: true }
const PATIENCE_MS = 60_000
