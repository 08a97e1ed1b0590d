/** Connects a simulated worker to its run: a channel in memory, and files in the run directory. Part of `start.ts`. */
import { deleteCheckpoints, readCheckpoint, writeCheckpoint } from '../log/checkpoints/checkpoint-store.js'
import { openSpool } from '../simulated/spool.js'
import type { Manifest } from '../record/manifest.js'
import type { ControllerChannel } from '../wire/channel.js'
import { joinChannels } from '../simulated/joint-channel.js'
import { createMemoryChannel } from '../wire/memory-channel.js'
import { startSimulatedWorker, type SimulatedWorker } from '../simulated/worker.js'

export interface Simulation {
  /** The controller's end: operators use the sockets, the worker the channel in memory. */
  readonly channel: ControllerChannel
  start(): SimulatedWorker
}

/** Undefined for a run that is not simulated. */
export function simulationFor(
  dir: string,
  { run, params, config }: Manifest,
  sockets: ControllerChannel,
): Simulation | undefined {
  if (config.simulated !== true) return undefined
  const memory = createMemoryChannel()
  const { stepsPerSecond } = config
  return {
    channel: joinChannels(sockets, memory.controller),
    start: () =>
      startSimulatedWorker({
        run,
        params,
        channel: memory.connect(),
        checkpoints: {
          write: (position, bytes, keep, automatic) => writeCheckpoint(dir, position, bytes, keep, automatic),
          delete: (paths) => {
            deleteCheckpoints(dir, paths)
          },
          read: (path, sha256) => readCheckpoint(dir, path, sha256),
        },
        openSpool: (incarnation) => openSpool(dir, incarnation),
        ...(stepsPerSecond === undefined ? {} : { stepsPerSecond }),
      }),
  }
}
