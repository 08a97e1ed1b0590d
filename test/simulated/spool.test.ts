import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSpool } from '../../src/simulated/spool.js'
import { readSpool } from '../../src/log/files/worker-spool.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { temporaryRoot } from '../helpers/runs.js'

const INCARNATION = 'a'.repeat(16)

function frame(seq: number, padding = 0): Uint8Array {
  const body = { type: 'summary', values: { ['x'.repeat(padding)]: seq } } as const
  return encodeRecord({ origin: 'worker-0', incarnation: INCARNATION, seq, timeMs: 0, body })
}

async function seqsIn(dir: string): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of readSpool(dir)) found.push(`${name.stream} ${name.seq}`)
  return found
}

test('frames are readable like those of a Python worker, and stay until all are acknowledged', async () => {
  const dir = temporaryRoot()
  const spool = openSpool(dir, INCARNATION)
  for (const seq of [1, 2, 3]) expect(spool.append('steps', frame(seq))).toBe(true)
  expect(await seqsIn(dir)).toEqual(['steps 1', 'steps 2', 'steps 3'])
  spool.acknowledge({ steps: 2, samples: 0 })
  spool.close()
  spool.close()
  expect(await seqsIn(dir)).toEqual(['steps 1', 'steps 2', 'steps 3'])
})

test('segments have a limited size, and are deleted once acknowledged, the last one when the spool is closed', async () => {
  const dir = temporaryRoot()
  const spool = openSpool(dir, INCARNATION)
  const names = () => readdirSync(join(dir, 'spool')).toSorted()
  for (const seq of [1, 2, 3, 4, 5]) spool.append('steps', frame(seq, 3 << 20))
  expect(names()).toEqual([1, 3, 5].map((first) => `${INCARNATION}.steps.00000000000${first}.log`))
  spool.acknowledge({ steps: 4, samples: 0 })
  expect(names()).toEqual([`${INCARNATION}.steps.000000000005.log`])
  expect(await seqsIn(dir)).toEqual(['steps 5'])
  spool.acknowledge({ steps: 5, samples: 0 })
  expect(names()).toHaveLength(1)
  spool.close()
  expect(names()).toEqual([])
})

test('a frame that cannot be written is reported, and later ones go into another segment', async () => {
  const dir = temporaryRoot()
  const spool = openSpool(dir, INCARNATION)
  spool.append('samples', frame(1))
  // A file in place of the folder prevents the next segment.
  spool.append('steps', frame(1, 5 << 20))
  rmSync(join(dir, 'spool'), { recursive: true })
  writeFileSync(join(dir, 'spool'), '')
  expect(spool.append('steps', frame(2))).toBe(false)
  rmSync(join(dir, 'spool'))
  mkdirSync(join(dir, 'spool'))
  expect(spool.append('steps', frame(3))).toBe(true)
  expect(await seqsIn(dir)).toEqual(['steps 3'])
  spool.close()
})
