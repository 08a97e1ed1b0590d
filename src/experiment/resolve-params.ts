/** Resolves the parameters of a run. The command line overrides the arm, which overrides the defaults of the schema. */
import type { z } from 'zod'
import { AbsgdError } from '../errors.js'
import { schemaErrorMessage, unknownName } from './schema-errors.js'
import { unwrap } from './schema-description.js'

export type Params = Readonly<Record<string, unknown>>

/**
 * @param given values, or text from a command line, which is converted to the type of the schema
 * @throws AbsgdError 'usage' naming an unknown parameter, or every one whose value is not permitted, with what is
 */
export function resolveParams(schema: z.ZodObject, arm: Params, given: Params): Params {
  const known = Object.keys(schema.shape)
  for (const name of [...Object.keys(given), ...Object.keys(arm)]) {
    if (!known.includes(name)) throw new AbsgdError('usage', unknownName('parameter', name, known))
  }
  const input: Record<string, unknown> = { ...arm }
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape
  for (const [name, value] of Object.entries(given)) {
    input[name] = typeof value === 'string' ? fromText(value, shape[name]!) : value
  }
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new AbsgdError('usage', schemaErrorMessage('the parameters do not hold', parsed.error, schema, input))
}

/** The value that `text` means under the schema. Text that does not fit is returned as it is, and the schema refuses it. */
function fromText(text: string, schema: z.core.$ZodType): unknown {
  const { def } = unwrap(schema)._zod
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return text
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
    case 'boolean':
      return text === 'true' || (text === 'false' ? false : text)
    case 'enum':
      return namesake(text, Object.values(def.entries))
    case 'literal':
      return namesake(text, def.values)
    default:
      return fromJson(text)
  }
}

function namesake(text: string, values: readonly unknown[]): unknown {
  return values.find((value) => String(value) === text) ?? text
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
