/** A worker's side of the session: introduces it, shows that it lives, sends what is to be told. Clock and channel are given. */
import type { Hello, Phase } from '../record/record.js'
import type { PeerChannel } from '../wire/channel.js'
import type { ToPeer, Welcome } from '../wire/message.js'
import { plannedThrough } from './plan-table.js'
import { receive, type Effect, type WorkerIdentity } from './session.js'
import { toldState, type Self } from './state.js'
import type { Telemetry } from './telemetry.js'

export interface Link {
  /** What the controller said. */
  take(message: ToPeer): void
  carryOut(effects: readonly Effect[]): void
  /** To be called now and then: sends what waits, and a sign of life when one is due. */
  turn(): void
}

export interface LinkParts {
  readonly self: Self
  readonly identity: WorkerIdentity
  readonly channel: Pick<PeerChannel, 'send' | 'reportBytes'>
  readonly telemetry: Telemetry
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** The facts of the worker that never change. */
  readonly facts: Omit<Hello, 'position' | 'plannedThrough'>
  /** Called with the first Welcome. */
  readonly begin: (welcome: Welcome) => void
}

export function createLink(parts: LinkParts): Link {
  const { self, channel, telemetry, clock } = parts
  let helloDueMs = -Infinity
  let told: { readonly phase: Phase; readonly atMs: number } | undefined

  function carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          channel.send(effect.message)
          break
        case 'admitted':
          if (effect.isFirst) parts.begin(effect.welcome)
          telemetry.welcome(effect.welcome.acked, effect.welcome.sampleQuotaBytes)
          told = undefined
          break
        case 'acknowledged':
          telemetry.acknowledge(effect.acked)
          break
        default:
          effect satisfies never
      }
    }
  }

  return {
    carryOut,
    take(message) {
      const { state, effects } = receive(self.state, message, clock(), parts.identity)
      self.state = state
      carryOut(effects)
    },
    turn() {
      const { state } = self
      const nowMs = clock()
      if (state.lease === undefined) {
        if (nowMs < helloDueMs) return
        helloDueMs = nowMs + HELLO_MS
        const { position, plan } = state
        channel.send({
          ...parts.facts,
          position,
          plannedThrough: plannedThrough(plan),
          forgotten: telemetry.forgotten(),
        })
        return
      }
      for (const frame of telemetry.unsent()) channel.reportBytes(frame)
      if (told?.phase === state.phase && nowMs - told.atMs < PROGRESS_MS) return
      told = { phase: state.phase, atMs: nowMs }
      channel.send(toldState(state, state.lease))
    },
  }
}

const HELLO_MS = 2000
const PROGRESS_MS = 1000
