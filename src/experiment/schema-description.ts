/** Describes in words what a zod schema permits, and finds a schema inside another. */
import { z } from 'zod'

type Known = z.core.$ZodTypes

/** The inner schema, without wrappers for optional values and defaults. */
export function unwrap(schema: z.core.$ZodType): Known {
  const known = schema as Known
  const { def } = known._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'catch':
    case 'readonly':
      return unwrap(def.innerType)
    case 'pipe':
      return unwrap(def.in)
    default:
      return known
  }
}

/** The schema at `path`. Undefined if the path leads through something other than objects, records and unions of them. */
export function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const [key, ...rest] = path
  if (key === undefined) return schema
  const { def } = unwrap(schema)._zod
  if (def.type === 'union') {
    return def.options.map((option) => schemaAt(option, path)).find((at) => at !== undefined)
  }
  const next =
    def.type === 'object' ? def.shape[String(key)] : def.type === 'record' ? def.valueType : undefined
  return next === undefined ? undefined : schemaAt(next, rest)
}

/** The permitted keys of the object at `path`. */
export function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const at = schemaAt(schema, path)
  return at === undefined ? [] : keysOf(at)
}

function keysOf(schema: z.core.$ZodType): readonly string[] {
  const { def } = unwrap(schema)._zod
  if (def.type === 'union') return def.options.flatMap(keysOf)
  return def.type === 'object' ? Object.keys(def.shape) : []
}

/** The permitted values: "a number from 0 to 0.9", "one of asymmetric, symmetric". Undefined if there is no short description. */
export function describeSchema(schema: z.core.$ZodType): string | undefined {
  const json = jsonSchemaOf(schema)
  if (json === undefined) return undefined
  if (json.enum !== undefined) return `one of ${json.enum.map(String).join(', ')}`
  if (json.const !== undefined) return JSON.stringify(json.const)
  switch (json.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
    case 'number':
      return `${json.type === 'integer' ? 'a whole number' : 'a number'}${interval(json)}${multiple(json)}`
    case 'string':
      return `text${textLength(json)}`
    case 'object':
      return `an object${json.properties === undefined ? '' : ` { ${Object.keys(json.properties).join(', ')} }`}`
    case 'array':
      return 'an array'
    default:
      return undefined
  }
}

function jsonSchemaOf(schema: z.core.$ZodType): z.core.JSONSchema.BaseSchema | undefined {
  try {
    return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  } catch {
    // A schema of another version of zod, or a recursive one: zod's own message is used.
    return undefined
  }
}

function interval({
  minimum,
  maximum,
  exclusiveMinimum,
  exclusiveMaximum,
}: z.core.JSONSchema.BaseSchema): string {
  const lower = isBound(minimum)
    ? `from ${minimum}`
    : isBound(exclusiveMinimum)
      ? `above ${exclusiveMinimum}`
      : ''
  const below = isBound(exclusiveMaximum) ? `below ${exclusiveMaximum}` : ''
  const upper = isBound(maximum) ? (lower.startsWith('from') ? `to ${maximum}` : `at most ${maximum}`) : below
  if (lower === '' && upper === '') return ''
  return ` ${[lower, upper].filter((part) => part !== '').join(upper.startsWith('to') || lower === '' ? ' ' : ', ')}`
}

/** Every schema of integers has the bounds of safe integers, which are not shown. */
function isBound(bound: number | boolean | undefined): bound is number {
  return typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER
}

function multiple({ multipleOf }: z.core.JSONSchema.BaseSchema): string {
  return multipleOf === undefined ? '' : `, a multiple of ${multipleOf}`
}

function textLength({ minLength, maxLength }: z.core.JSONSchema.BaseSchema): string {
  if (minLength === undefined && maxLength === undefined) return ''
  return ` of ${minLength ?? 0}${maxLength === undefined ? ' or more' : ` to ${maxLength}`} characters`
}
