/** Benchmarks that are written in Python: scripts of `bench/python` that print one object of JSON. */
import { execFile } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A measured number and its bootstrap 95 % interval. */
export type Interval = readonly [value: number, low: number, high: number]

/** Runs a script of this folder on one thread of torch and returns what it measured. */
export async function measure(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, [pythonFile(script), ...args], {
    env: { ...process.env, PYTHONPATH: [WORKER, BENCHES].join(delimiter), OMP_NUM_THREADS: '1' },
  })
  return JSON.parse(stdout)
}

/** Absolute path of a file of `bench/python`. */
export function pythonFile(name: string): string {
  return fileURLToPath(new URL(`../python/${name}`, import.meta.url))
}

/** "1.004 [0.999, 1.010]" */
export function intervalText([value, low, high]: Interval, decimals: number): string {
  const text = (number: number) => number.toFixed(decimals)
  return `${text(value)} [${text(low)}, ${text(high)}]`
}

const BENCHES = pythonFile('.')
const WORKER = fileURLToPath(new URL('../../python-worker/src', import.meta.url))
