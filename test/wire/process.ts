/** Run as a process of its own by `restart.test.ts`: `node --expose-gc --import scripts/typescript.mjs process.ts ROLE CONTROL TELEMETRY`. */
import type { LogRecord } from '../../src/record/record.js'
import { bindController, connectPeer } from '../../src/wire/zmq-channel.js'

const [role, control = '', telemetry = ''] = process.argv.slice(2)
const endpoints = { control, telemetry }

// What is under way when something is closed must not depend on what is still referenced.
setInterval(() => globalThis.gc?.(), 1).unref()

switch (role ?? '') {
  case 'controller': {
    const channel = await bindController(endpoints)
    console.log('bound')
    for await (const incoming of channel.incoming()) {
      if (incoming.type === 'control') channel.send(incoming.peer, { type: 'released' })
    }
    break
  }
  case 'both-ends': {
    const controller = await bindController(endpoints)
    const peer = connectPeer(endpoints)
    const reading = (async () => {
      for await (const _ of controller.incoming());
    })()
    // A receive that is still waiting must not keep the process.
    void peer.incoming()[Symbol.asyncIterator]().next()
    for (let seq = 1; seq <= 10; seq++) peer.report(record(seq))
    await peer.close()
    await controller.close()
    await reading
    console.log('closed')
    break
  }
  case 'reporter': {
    const peer = connectPeer(endpoints)
    for (let seq = 1; seq <= 2000; seq++) peer.report(record(seq))
    await peer.close()
    process.exit(0)
  }
}

function record(seq: number): LogRecord {
  const body = { type: 'controller-started', version: '', pid: 1, manifestJson: 'x'.repeat(5000) } as const
  return { origin: 'worker-0', incarnation: '00000000000000a1', seq, timeMs: 0, body }
}
