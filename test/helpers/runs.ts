/** Runs on disk, written as a controller writes them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createRunDirectory } from '../../src/log/run-directory.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import type { Manifest } from '../../src/record/manifest.js'
import { streamOf, type Body, type LogRecord } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { manifest, records } from './records.js'

/** An empty folder that is gone after the test. */
export function temporaryRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'absgd-runs-'))
  onTestFinished(() => {
    rmSync(root, { recursive: true, force: true })
  })
  return root
}

/** Writes a run whose log holds `bodies`, and returns its directory. */
export async function writeRun(
  root: string,
  bodies: readonly (Body | LogRecord)[],
  more: Partial<Manifest> = {},
): Promise<string> {
  const described = manifest(more)
  const dir = createRunDirectory(root, described.run, described)
  const log = openLogWriter(dir)
  for (const entry of records(bodies)) log.append(streamOf(entry.body), encodeRecord(entry))
  await log.close()
  return dir
}
