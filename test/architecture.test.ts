import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { violations, type Sources } from './helpers/architecture.js'

const root = fileURLToPath(new URL('..', import.meta.url))

test('the project keeps its dependency directions and its limit of 300 lines a file', () => {
  const sources = projectSources()
  expect(Object.keys(sources).length).toBeGreaterThan(50)
  expect(violations(sources)).toEqual([])
})

describe('a violation is found:', () => {
  const cases: readonly (readonly [title: string, path: string, source: string, expected: RegExp])[] = [
    ['a clock in a schedule', 'src/schedule/x.ts', 'export const now = () => Date.now()', /uses Date/],
    ['randomness in the rule', 'src/weighting/x.ts', 'export const r = Math.random()', /uses Math\.random/],
    ['a promise in a reducer', 'src/record/x.ts', 'export type X = Promise<void>', /uses Promise/],
    ['an async function in a reducer', 'src/record/x.ts', 'export async function x() {}', /uses async/],
    ['node in a pure folder', 'src/record/x.ts', "import 'node:os'", /imports node:os: pure/],
    ['a library in a pure folder', 'src/schedule/x.ts', "import { z } from 'zod'", /imports zod: pure/],
    [
      'a distribution outside statistics',
      'src/record/x.ts',
      "import '@stdlib/stats-base-dists-t-quantile'",
      /imports @stdlib/,
    ],
    [
      'a process in the state machine',
      'src/controller/state/state.ts',
      'export const p = process.pid',
      /uses process/,
    ],
    [
      'the log in the state machine, as a type',
      'src/controller/decisions/transition.ts',
      "import type { LogWriter } from '../log/writer.js'",
      /imports src\/log\/writer\.ts: pure/,
    ],
    ['ink outside the cockpit', 'src/output/x.ts', "import { Text } from 'ink'", /imports ink: only cockpit/],
    ['the wire in the cockpit', 'src/cockpit/x.ts', "import '../wire/codec.js'", /cockpit\/ may import/],
    ['a worker in the cockpit', 'src/cockpit/x.ts', "import '../worker/local.js'", /cockpit\/ may import/],
    ['the log in a component', 'src/cockpit/x.tsx', "import '../log/tail.js'", /cockpit\/ may import/],
    ['fs in the cockpit', 'src/cockpit/x.ts', "import { readFileSync } from 'node:fs'", /imports node:fs/],
    ['fs in the controller', 'src/controller/controller.ts', "import 'node:fs/promises'", /imports node:fs/],
    ['zeromq beside its channel', 'src/wire/x.ts', "export * from 'zeromq'", /imports zeromq/],
    ['zeromq loaded late', 'src/run/start.ts', "export const z = () => import('zeromq')", /imports zeromq/],
    [
      'generated code outside the codec',
      'src/log/x.ts',
      "import '../wire/gen/absgd/v1/plan_pb.js'",
      /wire\/gen/,
    ],
    ['execa in the command line', 'src/cli/x.ts', "import { execa } from 'execa'", /imports execa/],
    [
      'a process from the controller',
      'src/controller/controller.ts',
      "import 'node:child_process'",
      /child_process/,
    ],
    [
      'an experiment in the worker',
      'src/worker/x.ts',
      "import '../experiment/compile.js'",
      /worker\/ may import record, weighting, wire/,
    ],
    [
      'a clock in a simulated worker',
      'src/worker/simulated/x.ts',
      'export const t = performance.now()',
      /pure/,
    ],
    ['a composer in a folder', 'src/log/x.ts', "import '../start.js'", /imports src\/start\.ts/],
    ['a folder without a rule', 'src/extra/x.ts', 'export {}', /without a rule/],
    [
      'our own code in the rule',
      'python-worker/src/absgd_worker/weights/normaliser.py',
      'from absgd_worker.link.plan_table import Plan',
      /torch alone/,
    ],
    [
      'numpy in the worker',
      'python-worker/src/absgd_worker/task/task.py',
      'import os, numpy as np',
      /imports numpy/,
    ],
    [
      'zmq beside its channel',
      'python-worker/src/absgd_worker/training/loop.py',
      '    import zmq',
      /imports zmq/,
    ],
    [
      'generated code outside codec.py',
      'python-worker/src/absgd_worker/training/loop.py',
      'from absgd_worker.gen import plan_pb2',
      /gen/,
    ],
    ['a long file', 'src/cli/x.ts', '\n'.repeat(301), /has 301 lines/],
    ['a long file in Python', 'python-worker/tests/test_x.py', '\n'.repeat(301), /has 301 lines/],
  ]
  test.each(cases)('%s', (_title, path, source, expected) => {
    const found = violations({ [path]: source })
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(expected)
  })

  test('a circle of imports, types apart', () => {
    const circle = { 'src/log/a.ts': "import './b.js'", 'src/log/b.ts': "export * from './a.js'" }
    expect(violations(circle)).toEqual(['src/log/a.ts → src/log/b.ts → src/log/a.ts is a circle'])
    expect(violations({ ...circle, 'src/log/b.ts': "import type { A } from './a.js'" })).toEqual([])
    const drawn = { 'src/cockpit/a.tsx': "import './b.js'", 'src/cockpit/b.ts': "import './a.js'" }
    expect(violations(drawn)).toHaveLength(1)
  })
})

test('what is allowed raises no violation', () => {
  const allowed: Sources = {
    'src/schedule/x.ts':
      "// a Date, Math.random and async in words\nexport const x = { process: 1, text: 'Promise' }.process",
    'src/controller/state/state.ts':
      "import type { Plan } from '../record/record.js'\nimport '../wire/message.js'",
    'src/statistics/x.ts': "import '@stdlib/stats-base-dists-t-quantile'",
    'src/wire/zmq-channel.ts': "import { Router } from 'zeromq'",
    'src/wire/codec/plan.ts': "import '../gen/absgd/v1/plan_pb.js'",
    'src/environment/run-command.ts': "import { execa } from 'execa'\nimport 'node:fs'",
    'src/ui/cockpit/app.tsx': "import { Text } from 'ink'\nimport '../record/snapshot.js'",
    'src/wire/gen/absgd/v1/plan_pb.ts': '\n'.repeat(900),
    'python-worker/src/absgd_worker/weights/normaliser.py': 'import math\nfrom torch import Tensor',
  }
  expect(violations(allowed)).toEqual([])
})

function projectSources(): Sources {
  const folders = [
    'src',
    'test',
    'examples',
    'bench',
    'scripts',
    'proto',
    'python-worker/src',
    'python-worker/tests',
  ]
  const paths = folders.flatMap((folder) => sourcesIn(folder))
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

function sourcesIn(folder: string): readonly string[] {
  let names
  try {
    names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
  return names
    .filter((name) => /\.(tsx?|mjs|py)$/.test(name))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}
