import { fromBinary, fromJson, toBinary, type DescMessage, type JsonValue } from '@bufbuild/protobuf'
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import { describe, expect, test } from 'vitest'
import * as codec from '../../src/wire/codec.js'
import { ToControllerSchema, ToPeerSchema } from '../../src/wire/gen/absgd/v1/envelope_pb.js'
import { RecordSchema } from '../../src/wire/gen/absgd/v1/record_pb.js'
import { vectors, type Vector } from './vectors.js'

const schemas = { ToController: ToControllerSchema, ToPeer: ToPeerSchema, Record: RecordSchema }

describe('the golden messages', () => {
  // Written by `npx vitest run test/wire/golden.test.ts --update`; python-worker/tests/link/wire/test_golden_messages.py reads it too.
  test('are those of proto/golden/messages.json', async () => {
    const lines = vectors.map((vector) => JSON.stringify({ ...describeVector(vector), hex: hexOf(vector) }))
    await expect(`[\n${lines.join(',\n')}\n]\n`).toMatchFileSnapshot('../../proto/golden/messages.json')
  })

  test.each(vectors.map((vector) => [`${vector.type}: ${vector.name}`, vector] as const))(
    '%s',
    (_, vector) => {
      if (vector.isFormer !== true) expect(Buffer.from(encode(vector)).toString('hex')).toBe(hexOf(vector))
      expect(decode(vector.type, Buffer.from(hexOf(vector), 'hex'))).toEqual(vector.value)
    },
  )

  test('set every field of the contract and every word of its enumerations', () => {
    const met = new Set<string>()
    for (const vector of vectors) {
      const schema = schemas[vector.type]
      collect(reflect(schema, fromBinary(schema, Buffer.from(hexOf(vector), 'hex'))), met)
    }
    const contract = new Set<string>()
    for (const schema of Object.values(schemas)) expectedOf(schema, contract)
    expect([...contract].filter((name) => !met.has(name))).toEqual([])
  })
})

function describeVector({ name, type, json }: Vector) {
  return { name, type, json }
}

/** The bytes of the JSON that was written by hand: the codec under test has no part in them. */
function hexOf({ type, json }: Vector): string {
  const schema: DescMessage = schemas[type]
  return Buffer.from(toBinary(schema, fromJson(schema, pack(json)))).toString('hex')
}

function pack(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(pack)
  if (typeof value !== 'object' || value === null) return value as JsonValue
  const [[key, content] = ['', undefined]] = Object.entries(value)
  if (key in packers)
    return Buffer.from(packers[key as keyof typeof packers](content as (number | string)[]).buffer).toString(
      'base64',
    )
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, pack(inner)]))
}

const packers = {
  f64: (values: (number | string)[]) => Float64Array.from(values, Number),
  f32: (values: (number | string)[]) => Float32Array.from(values, Number),
  u32: (values: (number | string)[]) => Uint32Array.from(values, Number),
  i8: (values: (number | string)[]) => Int8Array.from(values, Number),
}

function encode(vector: Vector): Uint8Array {
  switch (vector.type) {
    case 'ToController':
      return codec.encodeToController(vector.value)
    case 'ToPeer':
      return codec.encodeToPeer(vector.value)
    case 'Record':
      return codec.encodeRecord(vector.value)
  }
}

function decode(type: Vector['type'], bytes: Uint8Array) {
  switch (type) {
    case 'ToController':
      return codec.decodeToController(bytes)
    case 'ToPeer':
      return codec.decodeToPeer(bytes)
    case 'Record':
      return codec.decodeRecord(bytes)
  }
}

function collect(message: ReflectMessage, met: Set<string>): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue
    met.add(String(field))
    const value: unknown = message.get(field)
    const items: unknown[] = field.fieldKind === 'list' ? [...(value as Iterable<unknown>)] : [value]
    for (const item of items) {
      if (field.message !== undefined) collect(item as ReflectMessage, met)
      if (field.enum !== undefined) met.add(String(field.enum.value[item as number]))
    }
  }
}

function expectedOf(schema: DescMessage, expected: Set<string>): void {
  for (const field of schema.fields) {
    if (expected.has(String(field))) continue
    expected.add(String(field))
    if (field.message !== undefined) expectedOf(field.message, expected)
    for (const value of field.enum?.values ?? []) if (value.number !== 0) expected.add(String(value))
  }
}
