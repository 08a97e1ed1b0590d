/** Sends requests to a running controller from another process. */
import { randomUUID } from 'node:crypto'
import { AbsgdError } from '../errors.js'
import { readControllerFile } from '../log/run-directory.js'
import { heldElsewhere, lockHolder } from '../log/lock/run-lock.js'
import type { Action, RequestResult } from '../record/record.js'
import type { PeerChannel } from '../wire/channel.js'
import { PROTOCOL, type ToPeer } from '../wire/message.js'
import { connectPeer } from '../wire/zmq-channel.js'

/**
 * Sends one request to the controller of the run in `dir` and returns its reply, refusals included.
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
      type: 'operator-hello',
      protocolMajor: PROTOCOL.major,
      protocolMinor: PROTOCOL.minor,
      run,
      name: by,
    })
    channel.send({ type: 'request', id: randomUUID(), by, why, action })
    return await replyWithin(channel, dir, run, LONG_ACTIONS.has(action.type) ? LONG_LIMIT_MS : LIMIT_MS)
  } finally {
    await channel.close()
  }
}

async function replyWithin(
  channel: PeerChannel,
  dir: string,
  run: string,
  limitMs: number,
): Promise<RequestResult> {
  const timer = setTimeout(() => void channel.close(), limitMs)
  let looksWithoutLock = 0
  const watch = setInterval(() => {
    looksWithoutLock = lockHolder(dir) === undefined ? looksWithoutLock + 1 : 0
    // The last reply of a controller that has just ended may still be on its way.
    if (looksWithoutLock > 1) void channel.close()
  }, LOOK_INTERVAL_MS)
  try {
    for await (const message of channel.incoming()) {
      const result = replyIn(message)
      if (result !== undefined) return result
    }
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
  }
  if (looksWithoutLock > 1) throw noController(run)
  throw new AbsgdError(
    'unreachable',
    `the controller of "${run}" has not answered within ${limitMs / 1000} s`,
    {
      hint: `see controller.log in the run directory; "absgd show ${run}" tells where the run stands`,
    },
  )
}

function replyIn(message: ToPeer): RequestResult | undefined {
  switch (message.type) {
    case 'request-result':
      return message
    case 'reject':
      throw new AbsgdError('protocol', `the controller refused the connection: ${message.hint}`)
    default:
      return undefined
  }
}

/**
 * Turns a refusal into an error, for callers that cannot go on after one.
 *
 * @throws AbsgdError 'refused'
 */
export function requireDone(result: RequestResult): RequestResult {
  if (!result.ok) throw new AbsgdError('refused', result.message)
  return result
}

export function noController(run: string): AbsgdError {
  return new AbsgdError('unreachable', `no controller drives the run "${run}" at the moment`, {
    hint: `"absgd show ${run}" tells how it stands; unless it is completed, "absgd resume ${run}" takes it up again`,
  })
}

const LOOK_INTERVAL_MS = 500
const LIMIT_MS = 30_000
/** Actions that may have to wait until a file is written. */
const LONG_ACTIONS: ReadonlySet<Action['type']> = new Set([
  'checkpoint',
  'stop',
  'restore',
  'evaluate',
  'set',
  'undo',
])
const LONG_LIMIT_MS = 600_000
