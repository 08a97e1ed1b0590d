/** Numbers in the sentences of recipes. The same as `absgd_worker/recipes/words.py`. */

/** With two significant digits. */
export function shown(value: number): string {
  return String(twoDigits(value))
}

/** Rounded to two significant digits. */
export function twoDigits(value: number): number {
  return Number(value.toPrecision(2))
}

/** In whole percent. */
export function percent(share: number): string {
  return `${Math.floor(100 * share + 0.5)} %`
}
