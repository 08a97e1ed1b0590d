/**
 * Job control of the shell: Ctrl-Z, `fg` and `bg`. A process in the background must not use the terminal. So the terminal is
 * restored before the process stops, and used again when the process continues in the foreground.
 */

export interface JobControlParts {
  /** Whether this process may write to and configure the terminal. */
  readonly isForeground: () => boolean
  /** Starts to use the terminal, and draws. */
  readonly take: () => void
  /** Stops using the terminal and restores it. */
  readonly giveBack: () => void
  /** Stops using the terminal without changing it, because another program uses it already. */
  readonly forget: () => void
  /** Stops using the terminal for ever, because another program uses it. */
  readonly drop: () => void
}

export interface JobControl {
  /** Stops the whole job, as the terminal does on Ctrl-Z when no program reads the key. */
  suspend(): void
  close(): void
}

/** Uses the terminal at once, or as soon as this process is in the foreground. */
export function createJobControl({
  isForeground,
  take,
  giveBack,
  forget,
  drop,
}: JobControlParts): JobControl {
  let has = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  /** A shell's `fg` sends no signal to a job that is already running, so the process has to poll. */
  function look(): void {
    clearTimeout(timer)
    if (isForeground()) {
      has = true
      take()
    } else timer = setTimeout(look, LOOK_INTERVAL_MS)
  }

  function onStop(): void {
    if (has) giveBack()
    has = false
    clearTimeout(timer)
    // Without a handler the signal stops the process, unless no shell could continue it.
    process.off('SIGTSTP', onStop)
    process.kill(process.pid, 'SIGTSTP')
    timer = setTimeout(onContinue, STOP_MS)
  }

  function onContinue(): void {
    if (!process.listeners('SIGTSTP').includes(onStop)) process.on('SIGTSTP', onStop)
    // After SIGSTOP, which cannot be handled, the contents of the screen are unknown.
    if (has && isForeground()) giveBack()
    else if (has) forget()
    has = false
    look()
  }

  process.on('SIGTSTP', onStop)
  process.on('SIGCONT', onContinue)
  look()
  return {
    // The signal goes to the whole job, which includes a shell script that waits for this process.
    suspend: () => process.kill(0, 'SIGTSTP'),
    close() {
      if (isClosed) return
      isClosed = true
      clearTimeout(timer)
      process.off('SIGTSTP', onStop)
      process.off('SIGCONT', onContinue)
      if (has) giveBack()
      else drop()
      has = false
    },
  }
}

const LOOK_INTERVAL_MS = 500
/** The signal may reach another thread, which stops the process a moment later. */
const STOP_MS = 50
