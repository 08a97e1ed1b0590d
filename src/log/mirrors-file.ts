/** Where a run is mirrored: `mirrors.json` in its directory, which `absgd_worker.mirrors` writes. */
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { MIRRORS, type MirrorName, type MirrorPlace } from '../record/mirror.js'

/** In the order of `MIRRORS`; none if the file is missing or cannot be read. */
export function readMirrors(dir: string): readonly MirrorPlace[] {
  const known = knownIn(dir)
  return MIRRORS.flatMap((name) => {
    const { url, folder } = known[name] ?? {}
    if (url !== undefined) return [{ name, place: url }]
    if (folder === undefined) return []
    const place = folder.includes('://') || isAbsolute(folder) ? folder : join(dir, folder)
    return [{ name, place, command: COMMANDS[name](place) }]
  })
}

function knownIn(dir: string): z.infer<typeof fileSchema> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(join(dir, 'mirrors.json'), 'utf8')))
    return parsed.success ? parsed.data : {}
  } catch {
    return {}
  }
}

const fileSchema = z.partialRecord(
  z.enum(MIRRORS),
  z.object({ url: z.string().optional(), folder: z.string().optional() }),
)

const COMMANDS: Readonly<Record<MirrorName, (place: string) => string>> = {
  tensorboard: (place) => `tensorboard --logdir ${place}`,
  wandb: (place) => `wandb sync ${place}`,
  mlflow: (place) => `mlflow ui --backend-store-uri ${place}`,
}
