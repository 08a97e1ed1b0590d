import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, type TestContext } from 'vitest'
import type { Endpoints, Incoming } from '../../src/wire/channel.js'
import { localEndpoints, socketPath } from '../../src/wire/endpoints.js'
import { bindController, connectPeer } from '../../src/wire/zmq-channel.js'
import { RUN_TYPESCRIPT } from '../helpers/typescript.js'

test('a new controller replaces one that was killed, and its peers reconnect by themselves', async (context) => {
  const endpoints = endpointsOf(context)
  const first = start(context, 'controller', endpoints)
  await said(first, 'bound')
  const peer = connectPeer(endpoints)
  context.onTestFinished(() => peer.close())
  const answers = peer.incoming()[Symbol.asyncIterator]()
  peer.send({ type: 'request', id: '1', by: 'cli', why: '', action: { type: 'pause' } })
  expect((await answers.next()).value).toEqual({ type: 'released' })

  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = await bindController(endpoints)
  context.onTestFinished(() => second.close())
  const arrivals = second.incoming()[Symbol.asyncIterator]()
  peer.send({ type: 'request', id: '2', by: 'cli', why: '', action: { type: 'pause' } })
  const incoming = (await arrivals.next()).value as Incoming
  expect(incoming).toMatchObject({ type: 'control', message: { id: '2' } })
  second.send(incoming.type === 'control' ? incoming.peer : '', {
    type: 'reject',
    code: 'no-lease',
    hint: '',
  })
  expect((await answers.next()).value).toMatchObject({ type: 'reject' })
})

test('a process that closed its channels exits by itself', async (context) => {
  const child = start(context, 'both-ends', endpointsOf(context))
  // Awaited from the start: the exit may be noticed before the last messages are.
  const exit = once(child, 'exit')
  await said(child, 'closed')
  expect(await exit).toEqual([0, null])
})

test('a process that exits right after it closed its channel loses nothing', async (context) => {
  const endpoints = endpointsOf(context)
  const controller = await bindController(endpoints)
  context.onTestFinished(() => controller.close())
  const exit = once(start(context, 'reporter', endpoints), 'exit')
  const arrivals = controller.incoming()[Symbol.asyncIterator]()
  const seqs: unknown[] = []
  while (seqs.length < 2000) {
    const value = (await arrivals.next()).value as Incoming
    if (value.type === 'telemetry') seqs.push(value.record.seq)
  }
  expect(seqs).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1))
  expect(await exit).toEqual([0, null])
})

function endpointsOf(context: TestContext): Endpoints {
  const endpoints = localEndpoints('try-1')
  context.onTestFinished(() => {
    rmSync(dirname(socketPath(endpoints.control)), { recursive: true, force: true })
  })
  return endpoints
}

function start(context: TestContext, role: string, { control, telemetry }: Endpoints): ChildProcess {
  const script = fileURLToPath(new URL('process.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    ['--expose-gc', ...RUN_TYPESCRIPT, script, role, control, telemetry],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  context.onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

async function said(child: ChildProcess, words: string): Promise<void> {
  let heard = ''
  for await (const chunk of child.stdout!) {
    heard += String(chunk)
    if (heard.includes(words)) return
  }
  throw new Error(`the process ended without "${words}"`)
}
