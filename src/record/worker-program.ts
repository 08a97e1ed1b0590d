/** What a worker runs: a task that is served, or a training script as it stands. */

export type Program =
  /** `FILE:FUNCTION` with an absolute file, or `MODULE:FUNCTION`. */
  | { readonly kind: 'task'; readonly task: string }
  /** An absolute file. */
  | { readonly kind: 'script'; readonly file: string; readonly args: readonly string[] }
  /** As after `python -m`. */
  | { readonly kind: 'module'; readonly module: string; readonly args: readonly string[] }
  /** Whatever somebody starts by hand. */
  | { readonly kind: 'unnamed' }
