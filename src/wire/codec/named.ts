/** Converts lists of named entries to objects and back, in the same order. Each name occurs once. */
import type { StepColumns } from '../../record/record.js'
import { bytesOf, readFloat64, type Arena } from './arrays.js'
import { violation } from './numbers.js'

interface Column {
  readonly name: string
  readonly values: Uint8Array
}

/** @param countOf - how many values a column must have, given its bytes. */
export function readColumns(
  arena: Arena,
  columns: readonly Column[],
  countOf: (bytes: Uint8Array) => number,
  field: string,
): StepColumns {
  return uniquely(
    columns.map(({ name, values }) => [
      name,
      readFloat64(arena, values, countOf(values), `${field}.${name}`),
    ]),
    field,
  )
}

export function writeColumns(columns: StepColumns) {
  return Object.entries(columns).map(([name, values]) => ({ name, values: bytesOf(values) }))
}

export function readValues(
  values: readonly { readonly name: string; readonly value: number }[],
  field: string,
): Readonly<Record<string, number>> {
  return uniquely(
    values.map(({ name, value }) => [name, value]),
    field,
  )
}

export function writeValues(values: Readonly<Record<string, number>>) {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}

// Object.fromEntries makes every name an own property, even "__proto__".
export function uniquely<T>(entries: readonly (readonly [string, T])[], field: string): Record<string, T> {
  const named = Object.fromEntries(entries)
  for (const [name] of entries) if (name === '') throw violation(field, 'has an entry without a name')
  if (Object.keys(named).length !== entries.length) throw violation(field, 'has two entries of one name')
  return named
}
