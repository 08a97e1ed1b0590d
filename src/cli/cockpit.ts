/** The cockpit of the commands: where its runs come from, and what is said once it was left. */
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
  /** Run directories; the first is shown. */
  readonly dirs: readonly string[]
  /** --runs, as it was given: said again with every command that is proposed. */
  readonly runs: string | undefined
  /** Interrupts the run's controller; absent where the cockpit only watches. */
  readonly interrupt?: () => void
  /** Whether it leaves by itself once the run is over. @default false */
  readonly leavesAtEnd?: boolean
  /** Called once the cockpit takes signals. Says how often the run was interrupted before. */
  readonly opened?: () => number
}

/** Shows the cockpit until it is left, prints what became of the run, and ends this process. */
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
  for (const line of await partingLines(end)) process.stdout.write(`${line}\n`)
  // The run's controller lives on; waiting for it would keep this process here.
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

/** How the run stands, what came of it if it is over, and what to type next. */
async function partingLines({ source, state }: CockpitEnd): Promise<string[]> {
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

/** Of a run that ended: its own, where its end was seen. Looking at one that is over fails for nothing. */
function exitCodeAfter({ state, signal }: CockpitEnd, owned: boolean): number {
  const { end } = state.snapshot
  const seen = owned || state.wasDriven
  if (seen && end !== undefined) return exitCodeOf(end.status)
  if (seen && state.caughtUp && !state.driven) return exitCodeOf('lost')
  return signal === undefined ? 0 : SIGNAL_CODES[signal]
}

/** As of a process that the signal ended. */
const SIGNAL_CODES = { SIGTERM: 143, SIGHUP: 129 } as const
const WORKER_LINES = 40
