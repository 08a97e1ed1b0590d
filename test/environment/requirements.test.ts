import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  PACKAGES,
  PYTHON_MINIMUM,
  requirementOf,
  requirementsFile,
  TORCH_RANGE,
  WORKER_DIRECTORY,
  type Part,
} from '../../src/environment/install/requirements.js'

const parts = Object.keys(PACKAGES) as Part[]
const pyproject = readFileSync(join(WORKER_DIRECTORY, 'pyproject.toml'), 'utf8')

test.each(parts)('the pins of %s name no index, no address and no file', (part) => {
  for (const line of pins(part)) expect(line).toMatch(/^[\w.-]+==[\w.+!]+( ; [^@]+)?$/)
})

test.each(parts)('every direct dependency of %s is pinned', (part) => {
  const pinned = pins(part).map((line) => line.split('==')[0])
  for (const { name } of PACKAGES[part]) expect(pinned).toContain(name)
})

test('torch is pinned nowhere: its build depends on the machine', () => {
  // torchmetrics is pure Python.
  expect(parts.flatMap(pins).filter((line) => /^(torch(?!metrics==)|nvidia|triton)/.test(line))).toEqual([])
})

test("the minimums are those of the worker's pyproject.toml", () => {
  const declared = [...pyproject.matchAll(/^(dependencies|torch|demo|dev) = \[(.*)\]$/gm)]
  const lists = Object.fromEntries(
    declared.map(([, key, list]) => [key!, [...list!.matchAll(/"([^"]+)"/g)].map((m) => m[1])]),
  )
  expect(lists).toEqual({
    dependencies: PACKAGES.worker.map(requirementOf),
    torch: [TORCH_RANGE],
    demo: PACKAGES.demo.map(requirementOf),
    dev: PACKAGES.dev.map(requirementOf),
  })
  expect(pyproject).toContain(`requires-python = ">=${PYTHON_MINIMUM}"`)
})

function pins(part: Part): readonly string[] {
  return readFileSync(requirementsFile(part), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}
