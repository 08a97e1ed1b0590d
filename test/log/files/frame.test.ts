import { describe, expect, test } from 'vitest'
import {
  decodeHeader,
  encodeFrame,
  encodeHeader,
  FORMAT,
  headerProblem,
  readFrame,
} from '../../../src/log/files/frame.js'
import { frameOf } from '../fixtures.js'

describe('a header', () => {
  test('has the bytes that proto/README.md names', () => {
    // Magic, format 1, kind 2, version 1 000 000 · 1 + 1 000 · 2 + 3 = 0x000f4a13.
    expect(encodeHeader('samples', '1.2.3').toString('hex')).toBe(
      '4142534744 4c4f47 0100 0200 134a0f00'.replaceAll(' ', ''),
    )
    expect(encodeHeader('steps', '0.1.0').readUInt16LE(10)).toBe(1)
  })

  test('is read as it was written', () => {
    expect(decodeHeader(encodeHeader('samples', '12.34.56'))).toEqual({
      format: FORMAT,
      stream: 'samples',
      writer: '12.34.56',
    })
  })

  test('of a newer format is refused by name', () => {
    const bytes = encodeHeader('steps', '3.0.1')
    bytes.writeUInt16LE(2, 8)
    expect(headerProblem(decodeHeader(bytes), 'steps')).toBe(
      'it has format 2, written by absgd 3.0.1; this version reads up to format 1',
    )
  })

  test('of another stream, of none, or of another program is refused', () => {
    expect(headerProblem(decodeHeader(encodeHeader('samples', '0.1.0')), 'steps')).toContain('"steps"')
    const unknown = encodeHeader('steps', '0.1.0')
    unknown.writeUInt16LE(9, 10)
    expect(headerProblem(decodeHeader(unknown), 'steps')).toContain('"steps"')
    expect(headerProblem(decodeHeader(Buffer.from('#!/bin/sh\necho hello')), 'steps')).toContain('no log')
  })
})

describe('a frame', () => {
  test('has the bytes that proto/README.md names', () => {
    // zlib.crc32(b"123456789") is the check value of CRC-32: 0xcbf43926.
    expect(frameOf(Buffer.from('123456789')).toString('hex')).toBe(
      `090000002639f4cb${Buffer.from('123456789').toString('hex')}`,
    )
  })

  test('is read as it was written, one after the other', () => {
    const bytes = Buffer.concat([frameOf(Buffer.from('one')), frameOf(Buffer.from('three'))])
    const first = readFrame(bytes, 0)
    expect(first).toMatchObject({ type: 'frame', payload: Buffer.from('one'), end: 11 })
    expect(readFrame(bytes, 11)).toMatchObject({
      type: 'frame',
      payload: Buffer.from('three'),
      end: bytes.length,
    })
    expect(readFrame(bytes, bytes.length)).toEqual({ type: 'incomplete', needed: 8 })
  })

  test('that ends early says how many bytes it needs', () => {
    const bytes = frameOf(Buffer.from('payload'))
    for (let length = 0; length < 8; length++) {
      expect(readFrame(bytes.subarray(0, length), 0)).toEqual({ type: 'incomplete', needed: 8 })
    }
    for (let length = 8; length < bytes.length; length++) {
      expect(readFrame(bytes.subarray(0, length), 0)).toEqual({ type: 'incomplete', needed: bytes.length })
    }
  })

  test('with a flipped bit in its payload or checksum is damaged', () => {
    const bytes = frameOf(Buffer.from('payload'))
    for (let at = 4; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1
      expect(readFrame(damaged, 0)).toMatchObject({ type: 'damaged', reason: 'crc' })
    }
  })

  test('of no bytes, or of more than 64 MiB, does not exist', () => {
    expect(readFrame(Buffer.alloc(64), 0)).toMatchObject({ type: 'damaged', reason: 'format' })
    const huge = Buffer.alloc(8)
    huge.writeUInt32LE(64 * 1024 * 1024 + 1)
    expect(readFrame(huge, 0)).toMatchObject({ type: 'damaged', reason: 'format' })
    expect(() => encodeFrame(new Uint8Array())).toThrow('1 byte to 64 MiB')
    expect(() => encodeFrame(Buffer.alloc(64 * 1024 * 1024 + 1))).toThrow('1 byte to 64 MiB')
  })
})
