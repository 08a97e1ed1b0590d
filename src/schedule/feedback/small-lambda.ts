/** What |λ| may be small, before any loss is known. */

/**
 * Below which |λ| may be small against the first losses, in units of loss: log C of C equally probable classes, and at least 2.
 *
 * @param numClasses - C; 0 where it is not known, as of scripts
 * @param ifUnknown - What C is taken for then
 */
export function smallLambda(numClasses: number, ifUnknown: number): number {
  return Math.max(LEAST, Math.log(numClasses > 0 ? numClasses : ifUnknown))
}

const LEAST = 2
