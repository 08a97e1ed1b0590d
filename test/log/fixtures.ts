/** Run directories with logs in them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { encodeFrame, encodeHeader } from '../../src/log/files/frame.js'
import { runPaths } from '../../src/log/paths.js'
import { openLogWriter } from '../../src/log/files/writer.js'
import type { Manifest } from '../../src/record/manifest.js'
import { streamOf, type Body, type LogRecord, type Stream } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'

export const WORKER = '00000000000000a1'

export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'absgd-log-'))
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}

export function manifestOf(run: string, createdAt = '2026-01-01T00:00:00.000Z'): Manifest {
  return {
    format: 1,
    run,
    experiment: 'digits',
    createdAt,
    version: '0.1.0',
    params: { seed: 1 },
    config: {
      task: '/tasks/task.py:build',
      length: '200 steps',
      evaluate: 'every epoch',
      checkpoint: 'never',
      controls: { lambda: 'off' },
      sampleEvery: 1,
      sampleQuotaBytes: 1e9,
      orphanLimitSeconds: 600,
      keepCheckpoints: 3,
    },
  }
}

/** A record of the stream "steps" by the worker, told from others by its sequence. */
export function rewind(seq: number, incarnation = WORKER): LogRecord {
  return workerRecord(seq, { type: 'rewind', attempt: 1, toStep: seq, cause: 'test' }, incarnation)
}

/** Likewise of the stream "samples". */
export function samples(seq: number, incarnation = WORKER): LogRecord {
  return workerRecord(seq, { type: 'sample-batch', attempt: seq, steps: [] }, incarnation)
}

export function workerRecord(seq: number, body: Body, incarnation = WORKER): LogRecord {
  return { origin: 'worker-0', incarnation, seq, timeMs: 0, body }
}

export function controllerRecord(seq: number, body: Body): LogRecord {
  return { origin: 'controller', incarnation: 'c'.repeat(16), seq, timeMs: 0, body }
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

export async function writeLog(dir: string, records: readonly LogRecord[]): Promise<void> {
  const log = openLogWriter(dir)
  for (const record of records) log.append(streamOf(record.body), encodeRecord(record))
  await log.close()
}

/** A segment as a worker writes it. */
export function writeSegment(dir: string, records: readonly LogRecord[]): string {
  const { incarnation, seq, body } = records[0]!
  const stream = streamOf(body)
  const { spool } = runPaths(dir)
  mkdirSync(spool, { recursive: true })
  const path = join(spool, `${incarnation}.${stream}.${String(seq).padStart(12, '0')}.log`)
  writeFileSync(path, fileOf(stream, records.map(encodeRecord)))
  return path
}

export function fileOf(stream: Stream, payloads: readonly Uint8Array[]): Buffer {
  return Buffer.concat([encodeHeader(stream, '0.1.0'), ...payloads.map(frameOf)])
}

export function frameOf(payload: Uint8Array): Buffer {
  return Buffer.concat(encodeFrame(payload))
}
