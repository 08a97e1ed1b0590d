import { expect, test } from 'vitest'
import { localEndpoints } from '../../src/wire/endpoints.js'
import { bindController, connectPeer } from '../../src/wire/zmq-channel.js'

test('a message that is sent before the connection is established is never lost', async (context) => {
  const controller = await bindController(localEndpoints('clients'))
  context.onTestFinished(() => controller.close())
  void (async () => {
    for await (const incoming of controller.incoming()) {
      if (incoming.type !== 'control' || incoming.message.type !== 'request') continue
      const { id } = incoming.message
      controller.send(incoming.peer, { type: 'request-result', id, ok: true, step: 1, message: '' })
    }
  })()
  const answered: string[] = []
  for (let i = 0; i < 60; i++) {
    const client = connectPeer(controller.endpoints)
    client.send({ type: 'request', id: String(i), by: 'cli', why: '', action: { type: 'pause' } })
    for await (const message of client.incoming()) {
      if (message.type === 'request-result') answered.push(message.id)
      break
    }
    await client.close()
  }
  expect(answered).toEqual(Array.from({ length: 60 }, (_, i) => String(i)))
})
