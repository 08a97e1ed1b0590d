/**
 * The contract by example: each message once as protobuf JSON, written by hand, and once as the domain has it. Arrays are
 * written as `{ f64: [1, 'NaN'] }`, likewise f32, u32 and i8.
 */
import { events } from './vectors/events.js'
import { reports } from './vectors/reports.js'
import { toController } from './vectors/to-controller.js'
import { toPeer } from './vectors/to-peer.js'
import type { Vector } from './vectors/vector.js'

export type { Vector } from './vectors/vector.js'

const records = [...reports, ...events].map(({ name, body, json }, i): Vector => ({
  name: `record: ${name}`,
  type: 'Record',
  value: {
    origin: 'worker-0',
    incarnation: '0123456789abcdef',
    seq: i + 1,
    timeMs: 1_700_000_000_000 + i,
    ...(i % 2 === 0 ? {} : { covered: { number: 10 * i, parts: 4_294_967_295 } }),
    body,
  },
  json: {
    origin: 'worker-0',
    incarnation: '81985529216486895',
    seq: i + 1,
    time_ms: 1_700_000_000_000 + i,
    ...(i % 2 === 0 ? {} : { covered: { number: 10 * i, parts: 4_294_967_295 } }),
    ...json,
  },
}))

export const vectors: readonly Vector[] = [...toController, ...toPeer, ...records]
