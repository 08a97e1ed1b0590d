/** Converts numbers between the contract and JavaScript. A number that does not fit is refused, never rounded. */
import { AbsgdError } from '../../errors.js'

/** A message that breaks the contract. `field` is dotted: "StepBatch.count". */
export function violation(field: string, problem: string): AbsgdError {
  return new AbsgdError('protocol', `${field} ${problem}`)
}

/** @throws AbsgdError 'protocol' above 2^53, where numbers are not exact any more */
export function fromUint64(value: bigint, field: string): number {
  if (value > LARGEST) throw violation(field, `is ${value}; numbers go to 2^53`)
  return Number(value)
}

/** @throws AbsgdError 'protocol' unless `value` is an integer from 0 to 2^53. */
export function toUint64(value: number, field: string): bigint {
  if (!Number.isInteger(value) || value < 0 || value > Number(LARGEST)) {
    throw violation(field, `is ${value}; it must be an integer from 0 to 2^53`)
  }
  return BigInt(value)
}

/** @throws AbsgdError 'protocol' outside ±2^53. */
export function fromInt64(value: bigint, field: string): number {
  if (value > LARGEST || value < -LARGEST) throw violation(field, `is ${value}; numbers go to 2^53`)
  return Number(value)
}

/** 16 hex digits, lower case. */
export function fromIncarnation(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

export function toIncarnation(digits: string, field: string): bigint {
  if (!/^[0-9a-f]{16}$/.test(digits)) throw violation(field, `is "${digits}"; it must be 16 hex digits`)
  return BigInt(`0x${digits}`)
}

export function integerWithin(value: number, least: number, most: number, field: string): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw violation(field, `is ${value}; it must be an integer from ${least} to ${most}`)
  }
  return value
}

/** Checks a duration: finite and not negative. */
export function duration(value: number, field: string): number {
  if (!(value >= 0 && value < Infinity))
    throw violation(field, `is ${value}; it must be finite and not negative`)
  return value
}

const LARGEST = 2n ** 53n
