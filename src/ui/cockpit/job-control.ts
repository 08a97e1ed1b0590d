/**
 * The shell's Ctrl-Z, `fg` and `bg`. While the process is not in the foreground the terminal is another program's: it is given back
 * before the process stops, and taken again once the process is continued in the foreground.
 */

export interface JobControlParts {
  /** Whether the terminal is this process's to write to and to set. */
  readonly isForeground: () => boolean
  /** Takes the terminal, and draws. */
  readonly take: () => void
  /** Gives it back as it was. */
  readonly giveBack: () => void
  /** Forgets it as it is: another program has it already. */
  readonly forget: () => void
  /** Lets go of it for good, where another program has it. */
  readonly drop: () => void
}

export interface JobControl {
  /** Stops the whole job, as the terminal does where Ctrl-Z is not read by the program. */
  suspend(): void
  close(): void
}

/** Takes the terminal, at once or as soon as it is this process's. */
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

  /** A shell's `fg` for a job that runs already sends no signal: the process has to look. */
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
    // Without a handler the signal stops the process; not where no shell could continue it.
    process.off('SIGTSTP', onStop)
    process.kill(process.pid, 'SIGTSTP')
    timer = setTimeout(onContinue, STOP_MS)
  }

  function onContinue(): void {
    if (!process.listeners('SIGTSTP').includes(onStop)) process.on('SIGTSTP', onStop)
    // After a SIGSTOP, which nobody can take: what the terminal shows now is not known.
    if (has && isForeground()) giveBack()
    else if (has) forget()
    has = false
    look()
  }

  process.on('SIGTSTP', onStop)
  process.on('SIGCONT', onContinue)
  look()
  return {
    // To the others of the job as well: a shell that waits for this process is one of them.
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
/** The signal may reach another thread, and stop the process a moment after it was sent. */
const STOP_MS = 50
