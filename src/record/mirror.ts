/** The tools that a run may be mirrored in, besides its own log. */
export const MIRRORS = ['tensorboard', 'wandb', 'mlflow'] as const

export type MirrorName = (typeof MIRRORS)[number]

/** Where a run is to be seen in a tool. */
export interface MirrorPlace {
  readonly name: MirrorName
  /** An address in the web, or a folder; folders in the run directory are relative to it. */
  readonly place: string
  /** What to type to look at it, or to upload it; absent for an address. */
  readonly command?: string
}
