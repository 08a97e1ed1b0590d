/** Opens the cockpit for a command: connects it to run directories, and prints the result of the run afterwards. */
import { openCockpit } from '../ui/cockpit/open.js'
import type { CockpitEnd } from '../ui/cockpit/cockpit.js'
import type { RunSource } from '../ui/cockpit/feed/source.js'
import { reasonOf } from '../ui/cockpit/status-text.js'
import { isInForeground } from '../process/foreground.js'
import { runPaths } from '../log/run-directory.js'
import { lockHolder } from '../log/lock/run-lock.js'
import { tailRunInBlocks } from '../log/follow-run.js'
import { requestOf } from '../run/request.js'
import { manifestOfRun, readRunView } from '../log/run-view.js'
import { formatCount } from '../ui/text/format.js'
import { outcomeLines } from '../ui/lines/page.js'
import { sanitize } from '../ui/text/sanitize.js'
import { lastLines } from '../process/child.js'
import { exitCodeOf } from './exit-code.js'

export interface CockpitRequest {
  /** Run directories. The first is shown. */
  readonly dirs: readonly string[]
  /** The value of --runs, which is repeated in every command that the cockpit proposes. */
  readonly runs: string | undefined
  /** Interrupts the run's controller; absent if the cockpit only watches. */
  readonly interrupt?: () => void
  /** Whether the cockpit closes when the run ends. @default false */
  readonly leavesAtEnd?: boolean
  /** Called when the cockpit starts to handle signals. Returns how many interrupts came before. */
  readonly opened?: () => number
}

/** Shows the cockpit until it closes, prints the result of the run, and ends this process. */
export async function showCockpit(request: CockpitRequest): Promise<never> {
  const { dirs, runs, interrupt, leavesAtEnd = false, opened } = request
  const sources = await Promise.all(dirs.map((dir) => sourceOf(dir, runs)))
  const end = await openCockpit({
    runs: sources,
    isForeground: isInForeground,
    leavesAtEnd,
    ...(interrupt === undefined ? {} : { interrupt }),
    ...(opened === undefined ? {} : { opened }),
  })
  for (const line of await closingLines(end)) process.stdout.write(`${line}\n`)
  // Exits without waiting for the controller, which goes on.
  process.exit(exitCodeAfter(end, interrupt !== undefined))
}

async function sourceOf(dir: string, runs: string | undefined): Promise<RunSource> {
  const manifest = await manifestOfRun(dir)
  const { workerLog } = runPaths(dir)
  const where = runs === undefined ? '' : ` --runs ${runs}`
  return {
    manifest,
    dir,
    records: (signal) => tailRunInBlocks(dir, { streams: ['steps'], signal }),
    samples: (signal) => tailRunInBlocks(dir, { streams: ['samples'], signal }),
    isDriven: () => lockHolder(dir) !== undefined,
    workerLines: () => {
      const text = lastLines(workerLog, { lines: WORKER_LINES })
      return text === '' ? [] : text.split('\n')
    },
    ask: (action) => requestOf(dir, manifest.run, action, { by: 'cockpit' }),
    comeBack: `absgd watch ${manifest.run}${where}`,
    resume: `absgd resume ${manifest.run}${where}`,
  }
}

/** The status of the run, its results if it ended, and the next command. */
async function closingLines({ source, state }: CockpitEnd): Promise<string[]> {
  const { snapshot, driven } = state
  const { end, position, runSteps } = snapshot
  const of = runSteps === 0 ? '' : ` of ${formatCount(runSteps)}`
  const steps = `${formatCount(position)}${of} steps`
  const run = sanitize(source.manifest.run)
  if (end === undefined && driven)
    return [`${run} trains on, after ${steps}`, `  back to it: ${source.comeBack}`]
  if (end === undefined)
    return [`${run} has lost its controller, after ${steps}`, `  go on with it: ${source.resume}`]
  const next = end.status === 'completed' ? source.comeBack : source.resume
  const words = end.status === 'completed' ? 'see it again' : 'go on with it'
  const { summary } = await readRunView(source.dir)
  return [
    `${run} ${end.status} after ${steps}${sanitize(reasonOf(end))}`,
    ...outcomeLines(summary),
    `  ${words}: ${next}`,
  ]
}

/** The exit code of the run if it ended while the cockpit was open. 0 for a run that had ended before. */
function exitCodeAfter({ state, signal }: CockpitEnd, owned: boolean): number {
  const { end } = state.snapshot
  const seen = owned || state.wasDriven
  if (seen && end !== undefined) return exitCodeOf(end.status)
  if (seen && state.caughtUp && !state.driven) return exitCodeOf('lost')
  return signal === undefined ? 0 : SIGNAL_CODES[signal]
}

/** Exit codes of a process that the signal ended: 128 + number of the signal. */
const SIGNAL_CODES = { SIGTERM: 143, SIGHUP: 129 } as const
const WORKER_LINES = 40
