/** Where a run's sockets are: `ipc://` paths in a directory that only its owner can enter. */
import { lstatSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { AbsgdError } from '../errors.js'
import type { Endpoints } from './channel.js'

/**
 * Endpoints in a new directory below $XDG_RUNTIME_DIR or the temporary directory: a path in the run directory may be too long for a
 * socket. The name of the run is part of the path, for people.
 *
 * @throws AbsgdError 'environment' when no directory can be made.
 */
export function localEndpoints(run: string): Endpoints {
  const prefix = `absgd-${run.slice(0, MOST_OF_NAME)}-`
  const problems: string[] = []
  for (const base of [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']) {
    if (base === undefined || base === '' || !isAbsolute(base)) continue
    if (Buffer.byteLength(join(base, `${prefix}XXXXXX`, 'telemetry')) > LONGEST_PATH) {
      problems.push(`${base}: too long`)
      continue
    }
    try {
      const directory = mkdtempSync(join(base, prefix))
      return {
        control: `ipc://${join(directory, 'control')}`,
        telemetry: `ipc://${join(directory, 'telemetry')}`,
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new AbsgdError(
    'environment',
    `no directory for the run's sockets can be made: ${problems.join('; ')}`,
    {
      hint: 'set XDG_RUNTIME_DIR or TMPDIR to a short path that you can write',
    },
  )
}

/** Both endpoints as one, for peers: `ipc://` and the directory of the sockets. */
export function commonEndpoint({ control }: Endpoints): string {
  return `ipc://${dirname(socketPath(control))}`
}

/** @throws AbsgdError 'usage' unless both are `ipc://` with an absolute path that fits a socket. */
export function checkEndpoints({ control, telemetry }: Endpoints): void {
  socketPath(control)
  socketPath(telemetry)
}

/**
 * The path of an endpoint's socket.
 *
 * @throws AbsgdError 'usage' for `tcp://` and other transports: peers cannot be authenticated over them yet.
 */
export function socketPath(endpoint: string): string {
  const [, path = ''] = /^ipc:\/\/(\/.*)$/s.exec(endpoint) ?? []
  const bytes = Buffer.byteLength(path)
  if (bytes > 0 && bytes <= LONGEST_PATH) return path
  const problem = endpoint.startsWith('ipc://')
    ? `its path must be absolute and at most ${LONGEST_PATH} bytes`
    : 'only ipc:// is allowed, since peers cannot be authenticated over a network yet'
  throw new AbsgdError('usage', `the endpoint "${endpoint}" is refused: ${problem}`, {
    hint: 'use ipc:///DIRECTORY/NAME, in a directory that only you can enter',
  })
}

/**
 * Makes the directory of a socket if it does not exist.
 *
 * @throws AbsgdError 'environment' when others can enter it.
 */
export function prepareSocketDirectory(path: string): void {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (isPrivate(directory)) return
  throw new AbsgdError('environment', `the directory of the run's sockets, ${directory}, is open to others`, {
    hint: `remove it, or make it your own: chmod 700 ${directory}`,
  })
}

/**
 * Removes the sockets of a controller, and their directory if it is empty then. Other files are never removed, and nothing in a
 * directory that other users can enter.
 */
export function removeSockets(endpoints: Endpoints): void {
  for (const endpoint of [endpoints.control, endpoints.telemetry]) {
    const path = socketPath(endpoint)
    if (!isPrivate(dirname(path)) || !isAbsentOrSocket(path)) continue
    rmSync(path, { force: true })
    try {
      rmdirSync(dirname(path))
    } catch {
      // The directory still holds the other socket, or a file of somebody else.
    }
  }
}

/**
 * Whether `localEndpoints` may have made the endpoints. They may come from a damaged file of a killed controller.
 */
export function areOurs({ control, telemetry }: Endpoints): boolean {
  const [, directory] = /^ipc:\/\/(\/.*\/absgd-[a-z0-9._-]+-[A-Za-z0-9]{6})\/control$/s.exec(control) ?? []
  if (directory === undefined || telemetry !== `ipc://${directory}/telemetry`) return false
  return !exists(directory) || isPrivate(directory)
}

/** Whether nothing exists at the path, or a socket that can be replaced. */
export function isAbsentOrSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true
}

function isPrivate(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

const MOST_OF_NAME = 24
/** Bytes of a Unix socket's path, without the zero at its end. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103
