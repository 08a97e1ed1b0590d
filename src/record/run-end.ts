/** Notes of a run, and its end. */
import type { Position, RunStatus } from './position.js'

export interface NoteEntry {
  readonly level: 'info' | 'warning'
  readonly text: string
  readonly position: Position
}

export interface RunEnd {
  readonly status: RunStatus
  /** One sentence. */
  readonly reason: string
  /** Traceback or last lines of the worker; empty when all is well. */
  readonly detail: string
  readonly position: Position
}
