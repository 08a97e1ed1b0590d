/**
 * exp, log and cos(πx) from additions, multiplications and divisions of float64 alone.
 *
 * Those of JavaScript engines and of C libraries differ in the last bit, also between versions of one engine. These are the same
 * operations in the same order as `absgd_worker/schedules/elementary.py`, so that a schedule has the same bits in both languages and
 * under every version of Node. Accurate within about one unit in the last place.
 */

/** e^x; Infinity above 709.78, 0 below -745.2. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x
  if (x > MOST_EXPONENT) return Infinity
  if (x < LEAST_EXPONENT) return 0
  // x = k·log 2 + r with |r| ≤ log(2)/2.
  const k = Math.floor(x * PER_LOG_2 + 0.5)
  const high = x - k * LOG_2_HIGH
  const low = k * LOG_2_LOW
  const r = high - low
  // e^r = 1 + r + r²·(1/2! + r/3! + …)
  let tail = 0
  for (const factor of EXP_TERMS) tail = tail * r + factor
  const rest = high - r - low
  const y = 1 + (r + (rest + r * r * tail))
  if (k < -1021) return y * powerOfTwo(k + 1021) * powerOfTwo(-1021)
  if (k > 1023) return y * 2 * powerOfTwo(k - 1)
  return y * powerOfTwo(k)
}

/** The natural logarithm of x ≥ 0; -Infinity for 0, NaN below. */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN
  if (x === 0) return -Infinity
  if (x === Infinity) return Infinity
  const { mantissa, exponent: e } = partsOf(x)
  // log m = 2·artanh(s) with s = f/(2 + f): f - f²/2 + s·(f²/2 + s²·(2/3 + s²·2/5 + …))
  const f = mantissa - 1
  const s = f / (2 + f)
  const z = s * s
  let tail = 0
  for (const factor of LOG_TERMS) tail = tail * z + factor
  const half = 0.5 * f * f
  const small = s * (half + z * tail)
  return e * LOG_2_HIGH - (half - (small + e * LOG_2_LOW) - f)
}

/** cos(πx) for x in [0, 1]. */
export function cosPi(x: number): number {
  if (x > 0.5) return -cosPi(1 - x)
  if (x === 0.5) return 0
  if (x > 0.25) return sine(PI * (0.5 - x))
  return cosine(PI * x)
}

/** For |t| ≤ π/4. */
function cosine(t: number): number {
  const z = t * t
  let tail = 0
  for (const factor of COSINE_TERMS) tail = tail * z + factor
  return 1 - (0.5 * z - z * z * tail)
}

/** For |t| ≤ π/4. */
function sine(t: number): number {
  const z = t * t
  let tail = 0
  for (const factor of SINE_TERMS) tail = tail * z + factor
  return t + t * (z * tail)
}

/** x = mantissa·2^exponent, exact, with the mantissa in [√½, √2). @param x - positive and finite */
function partsOf(x: number): { readonly mantissa: number; readonly exponent: number } {
  // A subnormal number has no exponent of its own in its bits.
  const [normal, shift] = x < LEAST_NORMAL ? [x * 2 ** 54, -54] : [x, 0]
  view.setFloat64(0, normal)
  const high = view.getUint32(0)
  const exponent = ((high >>> 20) & 0x7ff) - 1022
  view.setUint32(0, (high & 0x800fffff) | (1022 << 20))
  const mantissa = view.getFloat64(0)
  if (mantissa < ROOT_HALF) return { mantissa: mantissa * 2, exponent: exponent + shift - 1 }
  return { mantissa, exponent: exponent + shift }
}

/** 2^k, exact, for k from -1022 to 1023. */
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20)
  view.setUint32(4, 0)
  return view.getFloat64(0)
}

const view = new DataView(new ArrayBuffer(8))

const MOST_EXPONENT = 709.782712893384
const LEAST_EXPONENT = -745.1332191019412
const LEAST_NORMAL = 2.2250738585072014e-308
const PER_LOG_2 = 1.4426950408889634
/** log 2 to 33 bits, so that its product with a whole number below 2^11 is exact. */
const LOG_2_HIGH = 0.6931471803691238
const LOG_2_LOW = 1.9082149292705877e-10
const ROOT_HALF = 0.7071067811865476
const PI = 3.141592653589793

/** 1/n!, from the highest power to the lowest: 18! and below are exact in float64. */
const EXP_TERMS = numbersDown(14, 2).map((n) => 1 / factorial(n))
const LOG_TERMS = numbersDown(25, 3)
  .filter((n) => n % 2 === 1)
  .map((n) => 2 / n)
const COSINE_TERMS = numbersDown(18, 4)
  .filter((n) => n % 2 === 0)
  .map((n) => (n % 4 === 0 ? 1 : -1) / factorial(n))
const SINE_TERMS = numbersDown(17, 3)
  .filter((n) => n % 2 === 1)
  .map((n) => (n % 4 === 1 ? 1 : -1) / factorial(n))

function numbersDown(first: number, last: number): number[] {
  return Array.from({ length: first - last + 1 }, (_, i) => first - i)
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1)
}
