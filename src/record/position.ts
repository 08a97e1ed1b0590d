/** A point of a run: `step` steps done in `attempt` (from 1; 0 before the first welcome). */
export interface Position {
  readonly attempt: number
  readonly step: number
}

export type Phase = 'starting' | 'training' | 'paused' | 'waiting' | 'evaluating' | 'checkpointing' | 'ending'

export type RunStatus = 'completed' | 'stopped' | 'failed' | 'resumable' | 'interrupted'
