/** Checks the free disk space before a large download. */
import { statfsSync } from 'node:fs'
import { AbsgdError } from '../../errors.js'
import { describeDownload, hasNvidiaDriver, installedBytes, type TorchChoice } from './torch-build.js'

/** Free bytes of the file system of `directory` for unprivileged processes. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** Reports the size of the download of torch. @throws AbsgdError 'environment' when it does not fit on the disk */
export function announceTorch(
  choice: TorchChoice,
  { directory, uv, report }: { directory: string; uv: boolean; report: (line: string) => void },
): void {
  const { platform } = process
  for (const line of describeDownload(choice, { platform, nvidia: hasNvidiaDriver(), uv })) report(line)
  const needed = installedBytes(choice, platform)
  const free = freeBytes(directory)
  if (free >= needed) return
  throw new AbsgdError(
    'environment',
    `${directory} has ${gigabytes(free)} left; torch and its libraries need ${gigabytes(needed)}`,
    { hint: 'Make room, or name a Python that has torch: npx absgd setup --python PATH' },
  )
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
