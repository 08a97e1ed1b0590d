/** `absgd __control`: the process of the controller. Started by `run`, `resume` and others; users do not type it. */
import { Command, Option } from 'commander'
import { runPaths } from '../../log/run-paths.js'
import { spawnDetached } from '../../process/child.js'
import type { MirrorName } from '../../record/mirror.js'
import { MAIN } from '../main-file.js'
import { startEarlyWorker, type EarlyKind, type EarlyWorker } from '../../worker/early-worker.js'

export function controlCommand(): Command {
  return new Command('__control')
    .argument('<dir>')
    .option('--python <path>')
    .option('--threads <n>', '', Number)
    .option('--take-over')
    .option('--forks <folder>')
    .addOption(new Option('--early <kind>').choices(['task', 'script']))
    .action(control)
}

interface ControlOptions {
  readonly python?: string
  readonly threads?: number
  readonly takeOver?: true
  /** The run is new, and what trains it is of this kind: Python is started before anything else. */
  readonly early?: EarlyKind
  /** The folder of the fork server of several runs. */
  readonly forks?: string
}

async function control(dir: string, options: ControlOptions): Promise<void> {
  // Ignores SIGHUP: training goes on when the terminal closes.
  process.on('SIGHUP', () => undefined)
  const early = earlyWorker(dir, options)
  try {
    await drive(dir, options, early)
  } finally {
    early?.cancel()
  }
}

async function drive(dir: string, options: ControlOptions, early: EarlyWorker | undefined): Promise<void> {
  // Loaded while Python imports torch.
  const [{ readManifest }, { experimentOf }, { driveRun }] = await Promise.all([
    import('../../log/manifest-file.js'),
    import('../experiment-of.js'),
    import('../../run/drive.js'),
  ])
  const manifest = readManifest(dir)
  const resolved = await experimentOf(manifest)
  const run = await driveRun(
    { dir, manifest, resolved, python: options.python },
    {
      takeOver: options.takeOver === true,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      early,
      forks: options.forks,
    },
  )
  const { mirror = [] } = manifest.config
  if (mirror.length > 0 && options.python !== undefined) startMirror(dir, mirror, options.python)
  await run.result
}

/** Beside the run, in a process of its own, which ends after it. What it prints is in `mirror.log`. */
function startMirror(dir: string, mirror: readonly MirrorName[], python: string): void {
  spawnDetached({
    command: process.execPath,
    args: [MAIN, 'mirror', dir, '--to', mirror.join(','), '--python', python],
    environment: {},
    outputFile: runPaths(dir).mirrorLog,
  })
}

function earlyWorker(dir: string, { python, threads, early }: ControlOptions): EarlyWorker | undefined {
  if (python === undefined || early === undefined) return undefined
  const logFile = runPaths(dir).workerLog
  return startEarlyWorker(early, { python, logFile, ...(threads === undefined ? {} : { threads }) })
}
