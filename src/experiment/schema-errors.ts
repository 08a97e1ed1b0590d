/** Messages for values that a zod schema refuses: path, value, and what is permitted. */
import type { z } from 'zod'
import { nearest } from '../utils/nearest.js'
import { keysAt, describeSchema, schemaAt } from './schema-description.js'

/**
 * One message for all issues: "`head`: `path` is `value`; it takes …". Several issues are on one line each.
 *
 * @param input the value that was parsed
 */
export function schemaErrorMessage(
  head: string,
  error: z.core.$ZodError,
  schema: z.core.$ZodType,
  input: unknown,
): string {
  const lines = error.issues.map((issue) => explain(issue, schema, input))
  return lines.length === 1
    ? `${head}: ${lines.join('')}`
    : `${head}:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

/** "unknown parameter "sede" (did you mean "seed"?); known: seed, lr" */
export function unknownName(kind: string, name: string, known: readonly string[]): string {
  const [near] = nearest(name, known)
  const guess = near === undefined ? '' : ` (did you mean "${near}"?)`
  return `unknown ${kind} "${name}"${guess}; known: ${known.length === 0 ? 'none' : known.join(', ')}`
}

/** A value, formatted for messages. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  const text = JSON.stringify(value)
  return text.length <= 60 ? text : Array.isArray(value) ? 'an array' : 'an object'
}

function explain(issue: z.core.$ZodIssue, schema: z.core.$ZodType, input: unknown): string {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const kind = path === '' ? 'setting' : `setting of ${path}`
    return issue.keys.map((key) => unknownName(kind, key, keysAt(schema, issue.path))).join('; ')
  }
  if (issue.code === 'invalid_key') return `${path}: ${issue.issues[0]?.message ?? issue.message}`
  const value = valueAt(input, issue.path)
  const subject = value === undefined ? `${path} is missing` : `${path} is ${shown(value)}`
  return `${subject}; ${requirement(issue, schemaAt(schema, issue.path))}`
}

/** The schema author's own message if there is one, else a description of what the schema permits. */
function requirement(issue: z.core.$ZodIssue, schema: z.core.$ZodType | undefined): string {
  const words = OWN_WORDS.has(issue.code) || schema === undefined ? undefined : describeSchema(schema)
  return words === undefined ? issue.message : `it takes ${words}`
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key]
  }
  return value
}

const OWN_WORDS: ReadonlySet<string | undefined> = new Set(['custom', 'invalid_format', 'invalid_union'])
