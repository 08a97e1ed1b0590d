/** Reads the state of a run from its directory, while it runs or afterwards. */
import { relative } from 'node:path'
import { AbsgdError } from '../errors.js'
import { checkSamples } from './check-samples.js'
import { readControllerFile, readManifest, workerOf } from './run-directory.js'
import { holderInWords } from './lock/lock-holder.js'
import { lockHolder } from './lock/run-lock.js'
import { readRun } from './read-run.js'
import { isRunning } from '../process/identity.js'
import type { Manifest } from '../record/manifest.js'
import type { LogRecord } from '../record/record.js'
import { initialSnapshot, reduce, type RunSnapshot } from '../history/run-snapshot.js'
import { summarize, type DamagedFile, type RunSummary } from '../history/summarize-run.js'

export interface RunView {
  readonly manifest: Manifest
  readonly snapshot: RunSnapshot
  readonly summary: RunSummary
  /** Parts that could not be read; everything before them is in the snapshot. */
  readonly damage: readonly DamagedFile[]
  /** Whether a controller drives the run. */
  readonly live: boolean
}

export interface ViewOptions {
  /** Logs of samples up to this many bytes are checked for damage; the samples are not decoded. @default 0 */
  readonly checkSamplesUpTo?: number
  /** Called with every record; records of samples come last. @default samples are not read */
  readonly onRecord?: (record: LogRecord) => void
}

/**
 * Reads the run in `dir`.
 *
 * @throws AbsgdError 'run-directory' when neither its manifest nor its log describes the run; 'log' when the file system refuses a
 *   file.
 */
export async function readRunView(dir: string, options: ViewOptions = {}): Promise<RunView> {
  try {
    return await read(dir, options)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new AbsgdError('log', `cannot read the run in ${dir}: ${error.message}`, { cause: error })
  }
}

/**
 * The manifest from its file, or the copy of it in the log.
 *
 * @throws as {@link readRunView}
 */
export async function manifestOfRun(dir: string): Promise<Manifest> {
  try {
    return readManifest(dir)
  } catch (error) {
    if (!(error instanceof AbsgdError)) throw error
    return (await readRunView(dir)).manifest
  }
}

async function read(dir: string, { checkSamplesUpTo = 0, onRecord }: ViewOptions): Promise<RunView> {
  // Checked before reading. A controller that ends meanwhile has recorded the end.
  const live = lockHolder(dir)
  const controller = readControllerFile(dir)
  const reading = readRun(dir, { streams: onRecord === undefined ? ['steps'] : ['steps', 'samples'] })
  let snapshot = initialSnapshot()
  for await (const record of reading) {
    snapshot = reduce(snapshot, record)
    onRecord?.(record)
  }

  const { manifest, damage: ofManifest } = manifestOf(dir, snapshot)
  const found = [...reading.report.damage, ...(await checkSamples(dir, checkSamplesUpTo))]
  const damage = [...ofManifest, ...found.map((one) => ({ ...one, file: relative(dir, one.file) }))]
  const pids = { controller: live?.pid, worker: controller?.workerPid }
  const worker = controller === undefined ? undefined : workerOf(controller)
  const workerRuns = worker !== undefined && isRunning(worker)
  const summary = summarize({
    snapshot,
    manifest,
    dir,
    live: live !== undefined,
    ...(live?.isElsewhere === true ? { elsewhere: holderInWords(live) } : {}),
    pids,
    workerRuns,
    damage,
  })
  return { manifest, snapshot, summary, damage, live: live !== undefined }
}

/** The manifest, or the copy of it in the log. */
function manifestOf(
  dir: string,
  { manifestJson }: RunSnapshot,
): { manifest: Manifest; damage: DamagedFile[] } {
  try {
    return { manifest: readManifest(dir), damage: [] }
  } catch (error) {
    const manifest = recordedManifest(manifestJson)
    if (!(error instanceof AbsgdError) || manifest === undefined) throw error
    const message = `${error.message}; the log's copy is shown`
    return { manifest, damage: [{ file: 'manifest.json', reason: 'manifest', message }] }
  }
}

/** The controller recorded the manifest as it had read it, and the log has a checksum. Therefore only the format is checked. */
function recordedManifest(json: string | undefined): Manifest | undefined {
  if (json === undefined) return undefined
  try {
    const manifest = JSON.parse(json) as Manifest | { readonly format?: number }
    return manifest.format === FORMAT ? (manifest as Manifest) : undefined
  } catch {
    return undefined
  }
}

const FORMAT: Manifest['format'] = 1
