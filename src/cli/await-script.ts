/** Waits for a script that the user starts in another terminal. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readControllerFile } from '../log/run-directory.js'
import type { Program } from '../record/worker-program.js'
import { commandByHand } from '../worker/local.js'
import type { ControllerProcess } from './controller-process.js'

/** Prints the command that starts the script, and returns when a script has joined or the controller has ended. */
export async function awaitScript(
  dir: string,
  program: Program,
  controller: ControllerProcess,
): Promise<void> {
  const endpoints = readControllerFile(dir)?.endpoints
  // The script has already joined and ended.
  if (endpoints === undefined) return
  const command = commandByHand({ endpoints, runDirectory: resolve(dir), program })
  process.stderr.write(
    `absgd: waiting for a script; start it on this machine, in another terminal:\n\n${command}\n\n` +
      '  or, if it imports absgd_worker itself, by its own command with the same variables\n\n',
  )
  let isOver = false
  void controller.exited.then(() => (isOver = true))
  while (!isOver && readControllerFile(dir)?.workerPid === undefined) await sleep(LOOK_MS)
}

const LOOK_MS = 100
