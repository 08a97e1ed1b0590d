/** What a user sees first, and what a command loads. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { MAIN, fixturePath, runArgs, startCli, temporaryFolder } from '../helpers/cli.js'

test('the first lines of a run say what is waited for, before its worker has joined', async () => {
  const folder = temporaryFolder()
  const args = ['--ui', 'plain', '--param', 'length=3', '--name', 'seen']
  const { child, outcome } = startCli(runArgs('tiny.ts', folder, ...args))
  const lines: string[] = []
  for (const stream of [child.stdout!, child.stderr!])
    createInterface({ input: stream }).on('line', (line) => lines.push(line))
  expect((await outcome).code).toBe(0)
  expect(lines[0]).toBe('absgd: loading tiny.ts, and looking for Python')
  const waiting = lines.indexOf('absgd: waiting for Python to import torch, and to build tiny.py:build')
  expect(waiting).toBeGreaterThan(0)
  expect(lines.findIndex((line) => /^ +worker /.test(line))).toBeGreaterThan(waiting)
})

test.each([['--version'], ['ls', '--runs', '/nonexistent'], ['show', 'nothing', '--runs', '/nonexistent']])(
  '%s loads neither the cockpit nor sockets nor what loads experiments',
  (...args) => {
    const file = join(temporaryFolder(), 'modules')
    spawnSync(process.execPath, ['--import', fixturePath('list-modules.mjs'), MAIN, ...args], {
      env: { ...process.env, MODULES_FILE: file },
    })
    const modules = readFileSync(file, 'utf8')
    expect(modules).toContain('dist/cli/main.js')
    expect(modules).not.toMatch(/cockpit|zeromq|zmq-channel|jiti|execa/)
  },
)

test('an experiment file is transpiled once: its JavaScript is used again until the file changes', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'kept.ts')
  const load = () => {
    const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') }
    return spawnSync(process.execPath, [MAIN, 'plan', file], { env, encoding: 'utf8' }).stderr
  }
  const write = (word: string) => writeFileSync(file, `throw new Error('${word}' as string)\n`)
  write('first')
  expect(load()).toContain('kept.ts threw while it was loaded: Error: first')
  const cache = join(folder, 'cache/absgd/experiments')
  const kept = join(cache, readdirSync(cache)[0]!)
  // Shows which of the two is loaded.
  writeFileSync(kept, readFileSync(kept, 'utf8').replace('first', 'from the cache'))
  expect(load()).toContain('Error: from the cache')
  write('second')
  expect(load()).toContain('Error: second')
})
