/** Numbers, times and sizes as text for people. */

/** Up to four significant digits: `0.9512`, `1,920`, `3.2e-5`, `inf`, `nan`. Whole numbers below 10⁹ are given exactly. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1e9) return formatCount(value)
  if (size >= 1e6 || size < 1e-3)
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
  return trimZeros(value.toPrecision(4))
}

/** A whole number in groups of three: `1,920`. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A control's value: a lambda of ±Infinity is `off`. */
export function formatControl(name: string, value: number): string {
  return name === 'lambda' && !Number.isFinite(value) && !Number.isNaN(value) ? 'off' : formatNumber(value)
}

/** `0.8 s`, `42 s`, `3 min 20 s`, `1 h 05 min`, `2 d 3 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < HOUR) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${pad(Math.floor((whole % HOUR) / 60))} min`
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`
}

/** A time in its largest unit: `12 s`, `5 min`, `3 h`, `2 d`. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < HOUR) return `${Math.floor(whole / 60)} min`
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h`
  return `${Math.floor(whole / DAY)} d`
}

/** `512 B`, `1.5 MB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : trimZeros(value.toPrecision(3))} ${UNITS[unit]}`
}

/**
 * Mean and sample standard deviation, with as many decimals as the deviation's second digit: `95.0 ± 1.9`.
 * One value has no deviation, none has no mean: null.
 */
export function formatMeanSd(mean: number | null, sd: number | null): string {
  if (mean === null) return '-'
  if (sd === null) return formatNumber(mean)
  const decimals = decimalsOf(sd, mean)
  if (decimals === undefined) return `${formatNumber(mean)} ± ${formatNumber(sd)}`
  return `${mean.toFixed(decimals)} ± ${sd.toFixed(decimals)}`
}

/**
 * A difference and its interval, with as many decimals as the second digit of half the interval:
 * `['+0.095', '[+0.073, +0.117]']`.
 */
export function formatDifference(
  difference: number,
  interval: { readonly low: number; readonly high: number } | null,
): readonly [difference: string, interval: string] {
  const half = interval === null ? NaN : (interval.high - interval.low) / 2
  const decimals = decimalsOf(half, difference)
  const text = (value: number) =>
    `${value > 0 ? '+' : ''}${decimals === undefined ? formatNumber(value) : value.toFixed(decimals)}`
  return [text(difference), interval === null ? '' : `[${text(interval.low)}, ${text(interval.high)}]`]
}

/** Decimals up to the second digit of `spread`. Undefined for a spread of 0, and for values that need an exponent. */
function decimalsOf(spread: number, value: number): number | undefined {
  if (!(spread > 0) || !(Math.max(spread, Math.abs(value)) < 1e6)) return undefined
  const decimals = 1 - Math.floor(Math.log10(spread))
  return decimals <= MAX_DECIMALS ? Math.max(0, decimals) : undefined
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

const MAX_DECIMALS = 6
const HOUR = 3600
const DAY = 24 * HOUR
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']
