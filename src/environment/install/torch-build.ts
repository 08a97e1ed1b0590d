/** Chooses the build of torch to install, and estimates its size. */
import { existsSync } from 'node:fs'
import { runCommand } from '../run-command.js'
import { TORCH_RANGE } from './requirements.js'
import { torchFits } from '../judge-interpreter.js'
import { compareVersions } from '../python-versions.js'

export interface TorchChoice {
  readonly requirement: string
  /** Whether it is a CPU build from the sources in the user's pip configuration. */
  readonly cpu: boolean
}

/**
 * A CPU build if a source in pip's configuration has one (a folder of wheels, another index), even if there is a newer CUDA build: on
 * Linux a CUDA build is twenty times as large.
 */
export async function chooseTorch(
  python: string,
  { env, offline }: { env: NodeJS.ProcessEnv; offline: boolean },
): Promise<TorchChoice> {
  // Only pip knows its configuration, and which wheels suit this interpreter.
  const args = ['-m', 'pip', 'index', 'versions', 'torch', ...(offline ? ['--no-index'] : [])]
  const result = await runCommand(python, args, { env, timeoutMs: INDEX_TIMEOUT_MS })
  return pickTorch(result.status === 'ok' ? listedVersions(result.stdout) : [])
}

/** The newest fitting CPU build among `versions`, else the range. */
export function pickTorch(versions: readonly string[]): TorchChoice {
  const newest = versions
    .filter((version) => /\+cpu\b/.test(version) && torchFits(version))
    .sort(compareVersions)
    .at(-1)
  if (newest === undefined) return { requirement: TORCH_RANGE, cpu: false }
  return { requirement: `torch==${newest}`, cpu: true }
}

/** Lines about the download, printed before it begins. */
export function describeDownload(
  choice: TorchChoice,
  { platform, nvidia, uv }: { platform: string; nvidia: boolean; uv: boolean },
): readonly string[] {
  if (choice.cpu) {
    return [`${choice.requirement}: the CPU build that pip's configuration offers, about 1 GB installed`]
  }
  if (platform === 'darwin') return [`${TORCH_RANGE}: about 0.2 GB to download`]
  const size = `${TORCH_RANGE}: with its CUDA libraries about 2.8 GB to download, 4.5 GB installed`
  if (nvidia || uv) return [size]
  return [
    size,
    'There is no NVIDIA GPU here. For the CPU build (0.2 GB) give pip a source of it first:',
    'pip config set global.find-links FOLDER (or extra-index-url), or install uv, which knows one.',
  ]
}

/** Bytes on disk of the whole environment. */
export function installedBytes(choice: TorchChoice, platform: string): number {
  return (choice.cpu || platform === 'darwin' ? 1.5 : 6) * 1e9
}

export function hasNvidiaDriver(): boolean {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg')
}

function listedVersions(output: string): readonly string[] {
  const line = output.split('\n').find((text) => text.startsWith('Available versions:'))
  return (
    line
      ?.slice(line.indexOf(':') + 1)
      .split(',')
      .map((version) => version.trim()) ?? []
  )
}

/** pip retries an unreachable index for about two minutes. */
const INDEX_TIMEOUT_MS = 150_000
