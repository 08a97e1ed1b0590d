/** What `absgd init` says about a script. */
import type { Findings } from '../../experiment/files/first-look.js'
import { wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'

export interface Proposal {
  /** The script as it was named. */
  readonly script: string
  readonly recipe: string
  readonly wrong: number | undefined
  readonly isWritten: boolean
}

/** What the script does, the lines to type without changing it, and the lines that make its samples known. */
export function initLines(found: Findings, proposal: Proposal): string[] {
  const tell = (text: string) => wrap(sanitize(text), { hanging: '  ' })
  return [
    ...tell(`${proposal.script}: ${inWords(found)}`),
    ...(found.left_out.length === 0
      ? []
      : tell(`no parameters: ${found.left_out.join(', ')} (computed, several values, or by position)`)),
    '',
    'without changing it:',
    ...commands(found, proposal).map((command) => `  ${sanitize(command)}`),
    ...changeLines(found, proposal),
  ]
}

function inWords({ kind, losses, arguments: all }: Findings): string {
  const what = {
    loop: 'a training loop',
    'hugging-face': "Hugging Face's Trainer",
    lightning: "Lightning's Trainer",
  }[kind]
  const [loss] = losses
  const weighed =
    loss === undefined
      ? ''
      : `; its loss is ${loss.name}, line ${loss.line}${loss.captured ? '' : ', which absgd-run may not know: wrap it (docs/integrate.md)'}`
  const flags = all.map(({ flag }) => flag).join(', ')
  return `${what}${weighed}${flags === '' ? '' : `; it takes ${flags}`}`
}

function commands(
  { arguments: all, metric_regex: regex }: Findings,
  { script, recipe, wrong }: Proposal,
): string[] {
  const options = `--recipe ${recipe}${wrong === undefined ? '' : ` --wrong ${wrong}`}`
  const required = all.filter((one) => one.default === null).map(({ flag }) => ` ${flag} …`)
  const line = `${script}${required.join('')}`
  const metric = regex === null ? '--metric val.accuracy' : `--metric-regex '${regex}'`
  const seed = all.find(({ name }) => name === 'seed' || name === 'random_seed')
  return [
    `absgd-run ${options} --name first ${line}`,
    ...(seed === undefined
      ? []
      : [`absgd-run --ab ${options} --seeds 3 --seed-arg ${seed.flag} ${metric} ${line}`]),
  ]
}

function changeLines({ diff, has_absgd: hasAbsgd, kind }: Findings, { isWritten }: Proposal): string[] {
  if (hasAbsgd) return ['', 'it uses absgd_worker already, and is not changed']
  if (diff === '') {
    const how =
      kind === 'loop' ? 'absgd.track(loader) around its loader' : 'AbsgdCallback among its callbacks'
    return ['', ...wrap(`no line was found to change; ${how} makes its samples known (docs/integrate.md)`)]
  }
  const title = isWritten
    ? 'these lines were changed, so that its samples are known and suspects can be listed:'
    : 'these lines make its samples known, so that suspects can be listed (--write changes them):'
  return ['', ...wrap(title), ...diff.split('\n').map((line) => sanitize(line))]
}
