/** `absgd watch`: shows runs, live or finished. */
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { runsRoot } from '../../log/run-directory.js'
import { selectRuns } from '../../log/select-runs.js'
import { tailRun } from '../../log/follow-run.js'
import { manifestOfRun } from '../../log/run-view.js'
import { sanitize } from '../../ui/text/sanitize.js'
import { exitCodeOf } from '../exit-code.js'
import { printRun } from '../output/print-run.js'
import { findRunToWatch } from '../run-to-watch.js'
import { chooseUi, uiOption, type UiFlag } from '../ui-option.js'

interface WatchOptions {
  readonly runs?: string
  readonly ui: UiFlag
}

export function watchCommand(): Command {
  return new Command('watch')
    .description('show runs, live or finished; leaving never stops one')
    .argument(
      '[run...]',
      'runs by name, directory, pattern ("exp-*") or experiment (default: the newest that trains here, else the newest)',
    )
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .addHelpText('after', ABOUT)
    .action(watch)
}

async function watch(names: readonly string[], options: WatchOptions): Promise<void> {
  const ui = chooseUi(options.ui)
  const root = runsRoot(options.runs)
  const dirs = names.length === 0 ? [newest(root)] : selectRuns(root, names)
  if (ui === 'cockpit') {
    const { showCockpit } = await import('../open-cockpit.js')
    return showCockpit({ dirs, runs: options.runs })
  }
  const [dir, ...more] = dirs
  if (dir === undefined || more.length > 0) {
    throw new AbsgdError('usage', `--ui ${ui} shows one run, and ${dirs.length} are named`, {
      hint: 'name one, or use --ui cockpit, which switches between them',
    })
  }
  const records = tailRun(dir, { streams: ['steps'] })
  const { status } = await printRun(records, await manifestOfRun(dir), dir, { ui })
  process.exitCode = exitCodeOf(status)
}

function newest(root: string): string {
  const { dir, note } = findRunToWatch(root)
  if (note !== undefined) process.stderr.write(`absgd: ${sanitize(note)}\n`)
  return dir
}

const ABOUT = `
In the cockpit ? lists the keys; q leaves. Plain lines follow the run to its
end. Exit code: that of the run where its end was seen, 0 otherwise.`
