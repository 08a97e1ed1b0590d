/** Compares versions of Python packages by their release numbers: 2.15.0+cpu is (2, 15, 0). */

/** Negative if `a` is older than `b`, zero if they are equal, positive if `a` is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [release(a), release(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether `version` is known and not older than `minimum`. */
export function atLeast(version: string | undefined, minimum: string): boolean {
  return version !== undefined && compareVersions(version, minimum) >= 0
}

function release(version: string): readonly number[] {
  const digits = /^\d+(\.\d+)*/.exec(version)?.[0] ?? ''
  return digits.split('.').map(Number)
}
