/** Asks a running controller for something, from another process. */
import { randomBytes, randomUUID } from 'node:crypto'
import { AbsgdError } from '../errors.js'
import { readControllerFile } from '../log/run-directory.js'
import { heldElsewhere, lockHolder } from '../log/lock/run-lock.js'
import type { Action, RequestResult } from '../record/record.js'
import type { PeerChannel } from '../wire/channel.js'
import { PROTOCOL, type ToPeer } from '../wire/message.js'
import { connectPeer } from '../wire/zmq-channel.js'

/**
 * Sends one request to the controller of the run in `dir` and returns its answer, refusals included.
 *
 * @throws AbsgdError 'unreachable' when no controller drives the run, or none answers in time; 'run-directory' when it may be
 *   driven elsewhere.
 */
export async function requestOf(
  dir: string,
  run: string,
  action: Action,
  { by = 'cli', why = '' } = {},
): Promise<RequestResult> {
  const file = readControllerFile(dir)
  const holder = lockHolder(dir)
  if (holder?.isElsewhere === true) throw heldElsewhere(run, holder)
  if (file === undefined || holder === undefined) throw noController(run)
  const channel = connectPeer(file.endpoints)
  try {
    channel.send({
      type: 'hello',
      protocolMajor: PROTOCOL.major,
      protocolMinor: PROTOCOL.minor,
      role: 'operator',
      run,
      peer: by,
      incarnation: randomBytes(8).toString('hex'),
      pid: process.pid,
      stepsPerEpoch: 0,
      datasetSize: 0,
      numClasses: 0,
      position: { attempt: 0, step: 0 },
      plannedThrough: 0,
      versions: {},
      device: '',
      initial: {},
      batchSize: 0,
    })
    channel.send({ type: 'request', id: randomUUID(), by, why, action })
    return await answerWithin(channel, dir, run, LONG_ACTIONS.has(action.type) ? LONG_LIMIT_MS : LIMIT_MS)
  } finally {
    await channel.close()
  }
}

async function answerWithin(
  channel: PeerChannel,
  dir: string,
  run: string,
  limitMs: number,
): Promise<RequestResult> {
  const timer = setTimeout(() => void channel.close(), limitMs)
  let missed = 0
  const watch = setInterval(() => {
    missed = lockHolder(dir) === undefined ? missed + 1 : 0
    // The last answer of a controller that has just ended may still be under way.
    if (missed > 1) void channel.close()
  }, LOOK_INTERVAL_MS)
  try {
    for await (const message of channel.incoming()) {
      const result = answerOf(message)
      if (result !== undefined) return result
    }
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
  }
  if (missed > 1) throw noController(run)
  throw new AbsgdError(
    'unreachable',
    `the controller of "${run}" has not answered within ${limitMs / 1000} s`,
    {
      hint: `see controller.log in the run directory; "absgd show ${run}" tells where the run stands`,
    },
  )
}

function answerOf(message: ToPeer): RequestResult | undefined {
  switch (message.type) {
    case 'request-result':
      return message
    case 'reject':
      throw new AbsgdError('protocol', `the controller refused the connection: ${message.hint}`)
    default:
      return undefined
  }
}

export function noController(run: string): AbsgdError {
  return new AbsgdError('unreachable', `no controller drives the run "${run}" at the moment`, {
    hint: `"absgd show ${run}" tells how it stands; unless it is completed, "absgd resume ${run}" takes it up again`,
  })
}

const LOOK_INTERVAL_MS = 500
const LIMIT_MS = 30_000
/** These wait for a file to be written. */
const LONG_ACTIONS: ReadonlySet<Action['type']> = new Set([
  'checkpoint',
  'stop',
  'restore',
  'evaluate',
  'set',
  'undo',
])
const LONG_LIMIT_MS = 600_000
