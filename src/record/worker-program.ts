/** The program of a worker: a served task, or an unmodified training script. */

export type Program =
  /** `FILE:FUNCTION` with an absolute file, or `MODULE:FUNCTION`. */
  | { readonly kind: 'task'; readonly task: string }
  /** An absolute file. */
  | { readonly kind: 'script'; readonly file: string; readonly args: readonly string[] }
  /** A module name, as in `python -m MODULE`. */
  | { readonly kind: 'module'; readonly module: string; readonly args: readonly string[] }
  /** A script that is started by hand. */
  | { readonly kind: 'unnamed' }
