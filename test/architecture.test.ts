import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser'
import { ESLint } from 'eslint'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAX_LINES = 300

const FOLDERS = [
  'src',
  'test',
  'examples',
  'bench',
  'scripts',
  'proto',
  'python-worker/src',
  'python-worker/tests',
]

test('no file has more than 300 lines', () => {
  const paths = FOLDERS.flatMap(sourcesIn).filter((path) => !path.includes('/gen/'))
  expect(paths.length).toBeGreaterThan(500)
  expect(paths.filter((path) => lineCount(path) > MAX_LINES)).toEqual([])
})

/** A file of src/, what it imports, and the rule that forbids it. */
const FORBIDDEN: readonly (readonly [file: string, source: string, rule: string])[] = [
  ['src/record/node.ts', "import 'node:os'", 'pure'],
  ['src/schedule/library.ts', "import { z } from 'zod'\nexport { z }", 'pure-libraries'],
  ['src/controller/state/type.ts', "export type { LogWriter } from '../../log/x.js'", 'pure-imports'],
  ['src/ui/lines/ink.ts', "export { Text } from 'ink'", 'ink'],
  ['src/ui/cockpit/wire.ts', "import '../../wire/x.js'", 'ui-cockpit-imports'],
  ['src/ui/cockpit/worker.ts', "import '../../worker/x.js'", 'ui-cockpit-imports'],
  ['src/ui/cockpit/log.tsx', "import '../../log/x.js'", 'ui-cockpit-imports'],
  ['src/ui/cockpit/file.ts', "import 'node:fs'", 'cockpit-is-given-its-runs'],
  ['src/wire/socket.ts', "export * from 'zeromq'", 'zeromq'],
  ['src/run/late.ts', "export const z = () => import('zeromq')", 'zeromq'],
  ['src/log/generated.ts', "import '../wire/gen/x.js'", 'generated'],
  ['src/log/protobuf.ts', "export * from '@bufbuild/protobuf'", 'protobuf'],
  ['src/cli/process.ts', "export { execa } from 'execa'", 'execa'],
  ['src/controller/process.ts', "import 'node:child_process'", 'child-process'],
  ['src/worker/experiment.ts', "import '../experiment/x.js'", 'worker-imports'],
  ['src/log/composer.ts', "import '../run/x.js'", 'log-imports'],
  ['src/extra/room.ts', "import '../record/x.js'", 'room-without-rule'],
  ['src/controller/state/decides.ts', "import '../decisions/x.js'", 'controller-state-decides-nothing'],
  ['src/utils/circle.ts', "import './circle-too.js'", 'no-circle'],
  ['src/utils/type-circle.ts', "export type { A } from './type-circle-too.js'", 'no-circle'],
]

const ALLOWED: readonly (readonly [file: string, source: string])[] = [
  ['src/statistics/library.ts', "export * from '@stdlib/stats-base-dists-t-quantile'"],
  ['src/wire/zmq-x.ts', "export { Router } from 'zeromq'"],
  ['src/wire/codec/x.ts', "import '../gen/x.js'"],
  ['src/environment/start.ts', "import { execa } from 'execa'\nimport 'node:fs'\nexport { execa }"],
  ['src/ui/cockpit/draws.tsx', "import { Text } from 'ink'\nimport '../../record/x.js'\nexport { Text }"],
  ['src/utils/circle-too.ts', "import './circle.js'"],
  ['src/utils/type-circle-too.ts', "import './type-circle.js'\nexport type A = number"],
]

test('each import that the table of rooms forbids is found, and no other', async () => {
  const project = mkdtempSync(join(tmpdir(), 'absgd-rooms-'))
  try {
    const imported = [
      'log',
      'wire',
      'wire/gen',
      'worker',
      'experiment',
      'run',
      'record',
      'controller/decisions',
    ]
    const targets = imported.map((room) => [`src/${room}/x.ts`, 'export {}'] as const)
    for (const [file, source] of [...FORBIDDEN, ...ALLOWED, ...targets]) write(join(project, file), source)
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'))
    const found = await violationsIn(project)
    // A circle is reported for one of its two files.
    const seen = found.map(([file, rule]) => `${file.replace('-too', '')}: ${rule}`)
    expect(new Set(seen)).toEqual(new Set(FORBIDDEN.map(([file, , rule]) => `${file}: ${rule}`)))
  } finally {
    rmSync(project, { recursive: true })
  }
})

test('clocks, randomness and promises are forbidden in the folders that may import no part of Node', async () => {
  const eslint = new ESLint({ cwd: root })
  const sources = sourcesIn('src').filter((path) => !path.includes('/gen/'))
  const disagreeing = []
  for (const path of sources) {
    const { rules = {} } = (await eslint.calculateConfigForFile(path)) as {
      rules?: Record<string, unknown[]>
    }
    const globals = rules['no-restricted-globals'] ?? []
    const isPure = ['Date', 'Promise', 'process', 'setTimeout', 'performance'].every((name) =>
      globals.includes(name),
    )
    const forbidsRandomness = JSON.stringify(rules['no-restricted-properties'] ?? []).includes('"random"')
    if (isPure !== PURE.test(path) || forbidsRandomness !== isPure) disagreeing.push(path)
  }
  expect(disagreeing).toEqual([])
})

interface Configuration {
  readonly forbidden: readonly { readonly name: string; readonly from: { readonly path?: string } }[]
  readonly options: object
}
const { default: configuration } = (await import(join(root, '.dependency-cruiser.mjs'))) as {
  default: Configuration
}
const PURE = new RegExp(configuration.forbidden.find(({ name }) => name === 'pure')!.from.path!)

async function violationsIn(project: string): Promise<readonly (readonly [file: string, rule: string])[]> {
  const { options, ...ruleSet } = configuration
  const {
    tsConfig: _,
    enhancedResolveOptions,
    ...rest
  } = options as ICruiseOptions & { enhancedResolveOptions: object }
  const { output } = await cruise(
    ['src'],
    { ...rest, baseDir: project, ruleSet, validate: true } as ICruiseOptions,
    enhancedResolveOptions,
  )
  return (output as ICruiseResult).summary.violations.map(({ from, rule }) => [from, rule.name] as const)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${text}\n`)
}

function lineCount(path: string): number {
  const text = readFileSync(join(root, path), 'utf8')
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(tsx?|mjs|py)$/.test(name))
    .map((name) => `${folder}/${name}`)
}
