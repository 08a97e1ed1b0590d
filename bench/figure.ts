/** A measured value of a benchmark, with its budget. */

/** A number is within its budget when it is at most, or at least, so much. */
export type Budget = { readonly most: number } | { readonly least: number }

export interface Figure {
  /** In words of a-z, 0-9 and "_". */
  readonly name: string
  /** For people: what it is the size of. */
  readonly what: string
  readonly value: number
  readonly unit: string
  /** Absent for values without a budget. */
  readonly budget?: Budget
  /** The reference that was measured in the same run, with its value. */
  readonly against?: string
}

export interface Settings {
  /** Sizes that show that a benchmark works, not how fast anything is. */
  readonly quick: boolean
  /** Interpreter with torch. */
  readonly python: string
  /** Folder that is removed afterwards. */
  readonly folder: string
  /** Whether to install tensorboard and wandb, into that folder, to measure them. */
  readonly trackers: boolean
}

export interface Bench {
  readonly name: string
  /** One line for `--list`. */
  readonly about: string
  run(settings: Settings): Promise<readonly Figure[]>
}

/** Undefined for what has no budget. NaN meets none. */
export function isMet({ value, budget }: Figure): boolean | undefined {
  if (budget === undefined) return undefined
  return 'most' in budget ? value <= budget.most : value >= budget.least
}
