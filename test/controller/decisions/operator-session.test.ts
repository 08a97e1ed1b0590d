import { describe, expect, test } from 'vitest'
import { create, toBinary } from '@bufbuild/protobuf'
import type { ToController } from '../../../src/wire/message.js'
import { decodeToController, decodeToPeer, encodeToPeer } from '../../../src/wire/codec.js'
import { Role } from '../../../src/wire/gen/absgd/v1/session_pb.js'
import { ToControllerSchema } from '../../../src/wire/gen/absgd/v1/envelope_pb.js'
import { drive, hello, sent } from '../../helpers/controller.js'

const operator = {
  type: 'operator-hello',
  protocolMajor: 1,
  protocolMinor: 3,
  run: 'try-1',
  name: 'cli',
} as const

/** The introduction of an operator of protocol 1.2, as the controller reads it. */
function formerHello(run: string, protocolMajor = 1): ToController {
  const value = { protocolMajor, protocolMinor: 2, role: Role.OPERATOR, run, peer: 'cli', position: {} }
  return decodeToController(
    toBinary(ToControllerSchema, create(ToControllerSchema, { body: { case: 'hello', value } })),
  )
}

describe('an operator', () => {
  test('is welcomed with the run and the protocol of the controller, before and beside a worker', () => {
    const controller = drive()
    const welcome = [{ type: 'operator-welcome', run: 'try-1', protocolMajor: 1, protocolMinor: 4 }]
    expect(sent(controller.message(operator, 'op'))).toEqual(welcome)
    controller.message(hello())
    expect(sent(controller.message({ ...operator, run: '' }, 'op2'))).toEqual(welcome)
    expect(controller.state().lease?.peer).toBe('p1')
  })

  test.each([
    ['another run', { run: 'other' }, 'wrong-run', /drives the run "try-1", not "other"/],
    ['another major version', { protocolMajor: 2 }, 'protocol', /protocol 1\.4, the peer 2\.3/],
  ])('of %s is refused', (_name, more, code, hint) => {
    const [reject] = sent(drive().message({ ...operator, ...more }, 'op'))
    expect(reject).toMatchObject({ type: 'reject', code, hint: expect.stringMatching(hint) as string })
  })

  test('of protocol 1.2 gets the Welcome that it knows, and its requests are answered', () => {
    const controller = drive()
    controller.message(hello())
    const [welcome] = sent(controller.message(formerHello('try-1'), 'op'))
    expect(decodeToPeer(encodeToPeer(welcome!))).toMatchObject({
      type: 'welcome',
      run: 'try-1',
      attempt: 1,
      leaseEpoch: 0,
    })
    const request = { type: 'request', id: 'r', by: 'cli', why: '', action: { type: 'pause' } } as const
    expect(sent(controller.message(request, 'op'))).toMatchObject([{ type: 'command', id: 'r' }])
    const done = { type: 'command-result', leaseEpoch: 1, id: 'r', ok: true, step: 0, message: '' } as const
    expect(sent(controller.message(done))).toMatchObject([{ type: 'request-result', id: 'r', ok: true }])
    expect(controller.state().lease?.peer).toBe('p1')
  })

  test.each([
    ['another run', 'other', 1, 'wrong-run'],
    ['another major version', 'try-1', 2, 'protocol'],
  ])('of protocol 1.2 is refused for %s', (_name, run, major, code) => {
    expect(sent(drive().message(formerHello(run, major), 'op'))).toMatchObject([{ type: 'reject', code }])
  })
})
