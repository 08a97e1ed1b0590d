import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readAll } from '../../../src/log/read-run.js'
import { runPaths } from '../../../src/log/run-paths.js'
import { listSegments } from '../../../src/log/files/worker-spool.js'
import type { Body } from '../../../src/record/record.js'
import { encodeRecord } from '../../../src/wire/codec.js'
import { stepBatch } from '../../helpers/controller.js'
import { beginLives, type Lives } from '../../helpers/lives.js'
import { temporaryDirectory } from '../../log/fixtures.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const at = { attempt: 1, step: 0 }
/** Every kind that a worker writes. */
const BODIES: readonly ((n: number) => Body)[] = [
  (n) => stepBatch(n, 1),
  (n) => ({ type: 'sample-batch', attempt: 1, steps: [samples(n)] }),
  (n) => ({ type: 'sample-info', firstIndex: n, count: 0, labels: NO_U32, trueLabels: NO_U32, ids: [] }),
  (n) => ({
    type: 'sample-predictions',
    ...at,
    firstIndex: n,
    count: 1,
    labels: Uint32Array.of(n),
    labelProbabilities: NO_F32,
  }),
  (n) => ({ type: 'evaluation', attempt: 1, step: n, split: 'val', metrics: { accuracy: n }, seconds: 0 }),
  (n) => ({
    type: 'checkpoint-written',
    position: { ...at, step: n },
    path: `checkpoints/${n}`,
    sha256: '',
    bytes: 1,
    seconds: 0,
    deleted: [],
  }),
  (n) => ({ type: 'gap', attempt: 1, firstStep: n, reason: 'spool' }),
  (n) => ({ type: 'note', level: 'warning', text: `note ${n}`, position: at }),
]
const NO_U32 = new Uint32Array(0)
const NO_F32 = new Float32Array(0)
const samples = (step: number) => ({
  step,
  losses: Float32Array.of(step),
  weights: Float32Array.of(1),
  indices: Uint32Array.of(step),
  labels: NO_U32,
  weighing: '',
})

type Move =
  | { readonly type: 'report'; readonly kind: number; readonly count: number }
  | { readonly type: 'send'; readonly count: number }
  | { readonly type: 'second' | 'kill-controller' | 'kill-worker' | 'resume' }

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('report' as const),
      kind: fc.nat({ max: BODIES.length - 1 }),
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('send' as const), count: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('second' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('kill-controller' as const, 'resume' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('kill-worker' as const) }) },
)

let made = 0
async function carryOut(lives: Lives, one: Move, damage?: () => void): Promise<void> {
  switch (one.type) {
    case 'report':
      for (let i = 0; i < one.count; i++) lives.report(BODIES[one.kind]!(made++))
      return
    case 'send':
      return lives.send(one.count)
    case 'second':
      return lives.second()
    case 'kill-controller':
      return lives.killController(damage)
    case 'kill-worker':
      return lives.killWorker()
    case 'resume':
      return lives.resume()
    default:
      return one satisfies never
  }
}

/** A controller comes back, and the worker has time to send what is left. */
async function comeToRest(lives: Lives): Promise<void> {
  await lives.resume()
  for (let round = 0; round < 3; round++) {
    await lives.send(Infinity)
    await lives.second()
  }
}

async function logged(dir: string, options = {}): Promise<string[]> {
  const { records } = await readAll(dir, options)
  return records
    .filter(({ origin }) => origin === 'worker-0')
    .map((record) => Buffer.from(encodeRecord(record)).toString('hex'))
}

test('no interleaving of records, kills and resumes loses one or has one twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 24 }), async (moves) => {
      const dir = temporaryDirectory()
      const lives = await beginLives(dir, (ms) => vi.advanceTimersByTime(ms))
      try {
        for (const one of moves) await carryOut(lives, one)
        // Whatever happens: what was reported can be read at any time, from the log and the spool.
        expect((await logged(dir)).sort()).toEqual([...lives.reported].sort())
        await comeToRest(lives)
        const asked = lives.hellos()
        await lives.second()
        await lives.second()
        expect(lives.hellos(), 'the worker is asked for nothing more').toBe(asked)
        expect((await logged(dir, { spool: false })).sort()).toEqual([...lives.reported].sort())
      } finally {
        await lives.close()
      }
    }),
    { numRuns: 40 },
  )
})

test('a log that has lost its end costs what it lost, and nothing that comes after', async () => {
  const stream = fc.constantFrom('steps' as const, 'samples' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 16 }),
      stream,
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (moves, which, part) => {
        const dir = temporaryDirectory()
        const file = runPaths(dir)[which]
        const lives = await beginLives(dir, (ms) => vi.advanceTimersByTime(ms))
        try {
          for (const one of moves) if (one.type !== 'kill-worker') await carryOut(lives, one)
          await comeToRest(lives)
          await lives.killController(() => {
            truncateSync(file, Math.floor(statSync(file).size * part))
            // All of it was acknowledged: a worker's spool deletes it, a segment at a time.
            for (const { path } of listSegments(dir)) rmSync(path)
          })
          const before = lives.reported.length
          await lives.resume()
          for (const kind of BODIES.keys()) await carryOut(lives, { type: 'report', kind, count: 3 })
          await comeToRest(lives)
          const asked = lives.hellos()
          await lives.second()
          await lives.second()
          expect(lives.hellos(), 'the worker is asked for nothing more').toBe(asked)
          const kept = new Set(await logged(dir, { spool: false }))
          expect(lives.reported.slice(before).filter((record) => !kept.has(record))).toEqual([])
          expect(readdirSync(dir)).toContain(`${which}.log`)
        } finally {
          await lives.close()
        }
      },
    ),
    { numRuns: 15 },
  )
})
