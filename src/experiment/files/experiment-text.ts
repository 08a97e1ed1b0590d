/** The text of an experiment for a script that exists. Pure. */
import type { Findings, ScriptArgument } from './first-look.js'

export interface ExperimentTextOptions {
  /** The name of the experiment, of 1 to 64 characters on one line. */
  readonly name: string
  /** The path of the script, relative to the experiment file. */
  readonly script: string
  readonly recipe: string
  readonly wrong?: number | undefined
}

/** An experiment with the script's arguments as parameters, and arms with λ off and with the recipe. */
export function experimentText(
  { arguments: all }: Pick<Findings, 'arguments'>,
  { name, script, recipe, wrong }: ExperimentTextOptions,
): string {
  const call = wrong === undefined ? quoted(recipe) : `${quoted(recipe)}, { wrong: ${wrong} }`
  const known = all.filter(({ name: param }, i) => all.findIndex((other) => other.name === param) === i)
  const params = known.map((argument) => `    ${argument.name}: ${schemaOf(argument)},\n`).join('')
  const args = known.map(argumentText).join('')
  return `/** ${script} under a controller, as it stands: its arguments are parameters (--param). */
import { defineExperiment, off, recipe } from 'absgd'
${known.length === 0 ? '' : "import { z } from 'zod'\n"}
export default defineExperiment({
  name: ${quoted(name)},
  worker: {
    script: ${quoted(script)},${
      known.length === 0
        ? ''
        : `
    args: ({ params }) => [
${args}    ],`
    }
  },
${known.length === 0 ? '' : `  params: z.object({\n${params}  }),\n`}  controls: { lambda: off() },
  arms: {
    off: {},
    recipe: { controls: { lambda: recipe(${call}) } },
  },
})
`
}

function argumentText({ flag, name, kind }: ScriptArgument): string {
  const value = `params.${name}`
  if (kind === 'flag') return `      ...(${value} ? [${quoted(flag)}] : []),\n`
  return `      ${quoted(flag)}, ${value},\n`
}

function schemaOf({ kind, default: given, choices }: ScriptArgument): string {
  const base = baseSchema(kind, choices)
  return given === null ? base : `${base}.default(${literal(given)})`
}

function baseSchema(kind: ScriptArgument['kind'], choices: ScriptArgument['choices']): string {
  if (choices !== null) return `z.literal([${choices.map(literal).join(', ')}])`
  switch (kind) {
    case 'int':
      return 'z.number().int()'
    case 'float':
      return 'z.number()'
    case 'str':
      return 'z.string()'
    case 'flag':
      return 'z.boolean()'
    default:
      return kind satisfies never
  }
}

function literal(value: string | number | boolean): string {
  return typeof value === 'string' ? quoted(value) : String(value)
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n')}'`
}
