/** Admitting operators. They hold no lease: any number of them may send requests. Pure. */
import type { PeerId } from '../../wire/channel.js'
import { PROTOCOL, type OperatorHello, type OperatorWelcome, type Welcome } from '../../wire/message.js'
import { refusePeer } from './compatibility.js'
import type { ControllerContext, ControllerState, Transition } from '../state/state.js'

export function onOperatorHello(
  state: ControllerState,
  peer: PeerId,
  hello: OperatorHello,
  context: ControllerContext,
): Transition {
  const message =
    refusePeer(hello, context) ??
    (hello.protocolMinor < OPERATOR_WELCOME_SINCE_MINOR
      ? formerWelcome(state, context)
      : operatorWelcome(context))
  return { state, effects: [{ type: 'send', peer, message }] }
}

function operatorWelcome({ run }: ControllerContext): OperatorWelcome {
  return { type: 'operator-welcome', run, protocolMajor: PROTOCOL.major, protocolMinor: PROTOCOL.minor }
}

/** Operators of protocol 1.2 and before know only the Welcome of a worker. Most of its fields mean nothing to them. */
function formerWelcome({ attempt }: ControllerState, { run, weighting }: ControllerContext): Welcome {
  return {
    type: 'welcome',
    run,
    attempt,
    weighting,
    leaseEpoch: 0,
    paramsJson: '',
    acked: { steps: 0, samples: 0 },
    sampleEvery: 0,
    sampleQuotaBytes: 0,
    orphanLimitSeconds: 0,
    keepCheckpoints: 0,
    restorePath: '',
    restoreSha256: '',
    runSteps: 0,
  }
}

/** Minor version of the protocol from which on an operator understands an OperatorWelcome. */
const OPERATOR_WELCOME_SINCE_MINOR = 3
