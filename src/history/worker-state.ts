/** The state of the worker: its Hello, its phase, how it ended. */
import type { Body, Bye, Hello, Phase } from '../record/record.js'

export type WorkerState =
  | { readonly status: 'none' }
  | {
      readonly status: 'joined'
      readonly hello: Hello
      readonly phase: Phase
      /** Its last message, if it has been received. */
      readonly bye?: Bye
    }
  | {
      readonly status: 'left'
      /** Absent if the worker died before it joined. */
      readonly hello?: Hello
      readonly bye?: Bye
      readonly exitCode: number | undefined
      /** Empty when no signal ended it. */
      readonly signal: string
      /** Last lines of its stderr. */
      readonly lastLines: string
    }

type WorkerLeft = Extract<Body, { type: 'worker-left' }>

export function withPhase(worker: WorkerState, phase: Phase): WorkerState {
  return worker.status === 'joined' ? { ...worker, phase } : worker
}

/** A step report shows that the worker has started, even without a message about its phase. */
export function withReport(worker: WorkerState, incarnation: string): WorkerState {
  if (worker.status !== 'joined' || worker.hello.incarnation !== incarnation) return worker
  return worker.phase === 'starting' ? { ...worker, phase: 'training' } : worker
}

export function withBye(worker: WorkerState, bye: Bye): WorkerState {
  switch (worker.status) {
    case 'none':
      return worker
    case 'joined':
      return { ...worker, phase: 'ending', bye }
    case 'left':
      return { ...worker, bye }
    default:
      return worker satisfies never
  }
}

export function withLeft(worker: WorkerState, left: WorkerLeft): WorkerState {
  const { exitCode, signal, lastLines } = left
  const known = worker.status === 'joined' ? worker : undefined
  return {
    status: 'left',
    exitCode,
    signal,
    lastLines,
    ...(known === undefined ? {} : { hello: known.hello }),
    ...(known?.bye === undefined ? {} : { bye: known.bye }),
  }
}
