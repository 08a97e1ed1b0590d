/** The |λ| below which λ may be small, before any loss is known. */

/**
 * A |λ| below this bound may be small against the first losses. In units of loss: log C for C equally probable classes, at least 2.
 *
 * @param numClasses - C; 0 if unknown, as for scripts
 * @param ifUnknown - The C that is used if it is unknown
 */
export function smallLambda(numClasses: number, ifUnknown: number): number {
  return Math.max(LEAST, Math.log(numClasses > 0 ? numClasses : ifUnknown))
}

const LEAST = 2
