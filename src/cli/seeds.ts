/** The value of `--seeds`: a number of seeds, or a list of seeds. */
import { InvalidArgumentError } from 'commander'

/** `5` means seeds 0 to 4; `200-209` and `200,201,205-209` list seeds. Each seed is kept once, in the given order. */
export function seedList(text: string): readonly number[] {
  const parts = text.split(',').map((part) => part.trim())
  const [only = ''] = parts
  if (parts.length === 1 && /^\d+$/.test(only)) {
    const count = Number(only)
    if (count < 1) throw new InvalidArgumentError(EXPECTED)
    return range(0, count - 1)
  }
  const seeds = parts.flatMap((part) => {
    const [, from = '', to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (from === '' || Number(to) < Number(from)) throw new InvalidArgumentError(EXPECTED)
    return range(Number(from), Number(to))
  })
  return [...new Set(seeds)]
}

function range(from: number, to: number): number[] {
  const count = to - from + 1
  if (count > MAX_SEEDS || !Number.isSafeInteger(to)) {
    throw new InvalidArgumentError(`At most ${MAX_SEEDS} seeds, none above 2^53.`)
  }
  return Array.from({ length: count }, (_, i) => from + i)
}

const EXPECTED =
  'Give a number of seeds of 1 or more (5 means 0 to 4), or a list of seeds: 200-209, or 200,201,205-209.'
const MAX_SEEDS = 10_000
