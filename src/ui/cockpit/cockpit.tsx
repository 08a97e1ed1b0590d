/** The cockpit: reads runs, draws frames and executes the actions of keys. */
import { render } from 'ink'
import { toAbsgdError } from '../../errors.js'
import type { Action } from '../../record/record.js'
import { App } from './app.js'
import { createFeed, type Feed } from './feed/feed.js'
import { createJobControl, type JobControl } from './job-control.js'
import { createKeyboard } from './input/keyboard.js'
import { actionOf } from './input/keys.js'
import { drawScreen, type Region } from './layout.js'
import { createPacer } from './feed/frame-pacer.js'
import { shownStatusOf, type RunState } from './feed/run-state.js'
import { onSignals, type LeavingSignal } from './leave-signals.js'
import type { RunSource } from './feed/source.js'
import { createSampleFeed } from './feed/sample-feed.js'
import { createScreen, holdBack } from './terminal.js'
import { createTheme, type Capabilities } from './theme.js'
import { withAnswer, withFailure, withKey } from './ui-state.js'
import { initialUi, type CockpitView } from './view.js'

export interface CockpitOptions {
  /** At least one; the first is shown. */
  readonly runs: readonly RunSource[]
  readonly capabilities: Capabilities
  /**
   * Interrupts the run; given if the command of the cockpit started it. The first call checkpoints and stops the run, the second ends
   * it at once. Without this function, Ctrl-C leaves the cockpit.
   */
  readonly interrupt?: () => void
  /** Whether the cockpit closes when the run ends. @default false */
  readonly leavesAtEnd?: boolean
  /** Whether this process may use the terminal. A background job of a shell must not. @default always true */
  readonly isForeground?: () => boolean
  /** Called when the cockpit starts to handle signals. Returns how many interrupts came before. */
  readonly opened?: () => number
}

export interface CockpitEnd {
  /** The run that was shown last, and its state. */
  readonly source: RunSource
  readonly state: RunState
  /** The signal that closed the cockpit; undefined if it was a key or the end of the run. */
  readonly signal: LeavingSignal | undefined
}

/** Resolves when the cockpit closes, rejects after an error. In both cases the terminal is restored. */
export async function runCockpit({
  runs,
  capabilities,
  interrupt,
  leavesAtEnd = false,
  isForeground = () => true,
  opened,
}: CockpitOptions): Promise<CockpitEnd> {
  const theme = createTheme(capabilities)
  const abort = new AbortController()
  let leave: (signal: LeavingSignal | undefined) => void = () => undefined
  const left = new Promise<LeavingSignal | undefined>((resolve) => {
    leave = resolve
  })
  const pacer = createPacer(draw, () => !selected().state.caughtUp)
  const feeds = runs.map((source) => createFeed(source, changed))
  const sampleFeeds = feeds.map((feed) =>
    createSampleFeed({
      source: feed.source,
      rewinds: () => feed.state().snapshot.rewinds,
      caughtUp: feed.caughtUp,
      changed: () => {
        pacer.soon()
      },
    }),
  )
  let ui = initialUi()
  let wasCaughtUp = false

  const printErrors = holdBack(process.stderr)
  const screen = createScreen(process.stdout, () => pacer.now())
  const keyboard = createKeyboard(process.stdin)
  let job: JobControl = { suspend: () => undefined, close: () => undefined }
  const restore = () => job.close()
  process.on('exit', restore)
  process.on('uncaughtExceptionMonitor', restore)
  const stopListening = onSignals({
    interrupt: () => onKey('ctrl-c'),
    terminate: () => (interrupt === undefined || !isDriven() ? leave('SIGTERM') : onKey('ctrl-c')),
    hangUp: () => leave('SIGHUP'),
  })
  ui = { ...ui, interrupts: opened?.() ?? 0 }
  const ink = render(<App screen={drawn()} onKey={onKey} />, {
    stdout: screen.stream,
    stdin: keyboard.stream,
    stderr: process.stderr,
    // Ink writes every frame completely; the screen finds the rows that changed.
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
    isScreenReaderEnabled: false,
  })
  // From here on frames are shown while this process may use the terminal.
  job = createJobControl({
    isForeground,
    take() {
      keyboard.open()
      screen.enter()
      pacer.now()
    },
    giveBack() {
      keyboard.close()
      screen.leave()
    },
    forget() {
      keyboard.abandon()
      screen.abandon()
    },
    drop() {
      keyboard.destroy()
    },
  })
  const clock = setInterval(() => {
    if (isDriven() || ui.message !== undefined) pacer.soon()
  }, CLOCK_MS)
  try {
    const failed = [readInTurn(feeds, abort.signal), ink.waitUntilExit()]
    const signal = await Promise.race([left, ...failed.map(forever)])
    return { ...selected(), signal }
  } finally {
    clearInterval(clock)
    pacer.stop()
    abort.abort()
    stopListening()
    ink.unmount()
    restore()
    process.off('exit', restore)
    process.off('uncaughtExceptionMonitor', restore)
    printErrors()
  }

  function selected(): { source: RunSource; state: RunState } {
    const feed = feeds[ui.selected]!
    return { source: feed.source, state: feed.state() }
  }

  function isDriven(): boolean {
    return !['ended', 'no-controller'].includes(shownStatusOf(selected().state).type)
  }

  function view(): CockpitView {
    const shown = feeds.map((feed, i) => ({
      state: feed.state(),
      suspects: sampleFeeds[i]!.state(),
      comeBack: feed.source.comeBack,
      resume: feed.source.resume,
    }))
    return { runs: shown, ui, size: screen.size(), nowMs: Date.now(), owned: interrupt !== undefined }
  }

  function drawn(): Region {
    return drawScreen(view(), screen.size(), theme)
  }

  function draw(): void {
    if (!screen.isShown()) return
    ink.rerender(<App screen={drawn()} onKey={onKey} />)
  }

  function changed(): void {
    const { caughtUp } = selected().state
    if (caughtUp !== wasCaughtUp) pacer.now()
    wasCaughtUp = caughtUp
    // After Ctrl-C the user waits for the prompt. Commands that follow in a shell script wait too.
    if ((ui.interrupts > 0 || leavesAtEnd) && caughtUp && !isDriven()) leave(undefined)
    pacer.soon()
  }

  function onKey(key: string): void {
    const action = actionOf(key, view())
    if (action === undefined) return
    const { question } = ui
    ui = withKey(ui, action, { runs: feeds.length, nowMs: Date.now() })
    if (ui.suspects) sampleFeeds[ui.selected]!.start(abort.signal)
    if (action.type === 'leave') leave(undefined)
    if (action.type === 'suspend') job.suspend()
    if (action.type === 'interrupt') interrupt?.()
    if (action.type === 'ask') void ask(action.action)
    if (action.type === 'confirm' && question !== undefined) void ask(question.action)
    pacer.now()
  }

  async function ask(action: Action): Promise<void> {
    try {
      const answer = await selected().source.ask(action)
      ui = withAnswer(ui, action, answer, Date.now())
    } catch (thrown) {
      ui = withFailure(ui, toAbsgdError(thrown, 'unreachable').message, Date.now())
    }
    pacer.now()
  }
}

/** Reads the runs one after the other; the next starts when the one before was read completely for the first time. */
async function readInTurn(feeds: readonly Feed[], signal: AbortSignal): Promise<void> {
  const reading: Promise<void>[] = []
  for (const feed of feeds) {
    const read = feed.read(signal)
    reading.push(read)
    await Promise.race([feed.caughtUp, read])
  }
  await Promise.all(reading)
}

/** Rejects if the promise rejects, and never resolves. */
async function forever(promise: Promise<unknown>): Promise<never> {
  await promise
  return new Promise(() => undefined)
}

const CLOCK_MS = 1000
