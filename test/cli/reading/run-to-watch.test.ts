import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { runToWatch } from '../../../src/cli/run-to-watch.js'
import { watchCommand } from '../../../src/cli/commands/watch.js'
import type { LockHolder } from '../../../src/log/lock/lock-holder.js'
import { acquireLock } from '../../../src/log/lock/run-lock.js'
import { runPaths } from '../../../src/log/run-paths.js'
import { ended, joined, steps } from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

const holder = (isElsewhere: boolean): LockHolder => ({
  pid: 4711,
  bootId: 'boot-b',
  processStart: '1',
  host: 'gpu3',
  machineId: 'machine-b',
  pidNamespace: '',
  isElsewhere,
})
const HOLDERS = { trains: holder(false), elsewhere: holder(true), over: undefined } as const
type State = keyof typeof HOLDERS

describe('without a run that is named, watch', () => {
  test('shows one that trains here before one that is over, and one that is held elsewhere last, and names those', () => {
    const states = fc.array(fc.constantFrom<State>('trains', 'elsewhere', 'over'), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(states, (all) => {
        const runs = all.map((state, i) => ({ dir: `/runs/run-${i}`, holder: HOLDERS[state] }))
        const newestOf = (state: State) => all.indexOf(state)
        const expected = (['trains', 'over', 'elsewhere'] as const).map(newestOf).find((at) => at >= 0)
        const { dir, note } = runToWatch(runs)!
        expect(dir).toBe(`/runs/run-${expected}`)
        const elsewhere = runs.filter((_, i) => all[i] === 'elsewhere')
        expect(note !== undefined).toBe(elsewhere.length > 0)
        const named = elsewhere.length === all.length ? elsewhere.slice(0, 1) : elsewhere.slice(0, 3)
        for (const one of named) expect(note).toContain(basename(one.dir))
        if (elsewhere.length > 3 && elsewhere.length < all.length)
          expect(note).toContain(`and ${elsewhere.length - 3} more`)
      }),
    )
  })

  test('shows no run where there is none', () => {
    expect(runToWatch([])).toBeUndefined()
  })

  test('follows the older run that can be watched here to its end, and says that a newer one is held elsewhere', async () => {
    const root = temporaryRoot()
    await writeRun(root, [joined(), steps(0, 10), ended(10)], {
      run: 'here',
      createdAt: '2026-11-30T10:00:00.000Z',
    })
    const held = await writeRun(root, [joined(), steps(0, 5)], {
      run: 'held',
      createdAt: '2026-11-30T11:00:00.000Z',
    })
    acquireLock(held)
    const { lock } = runPaths(held)
    const token = JSON.parse(readFileSync(lock, 'utf8')) as object
    writeFileSync(lock, JSON.stringify({ ...token, bootId: 'boot-b', host: 'gpu3', machineId: 'machine-b' }))

    const { printed, said } = captured()
    await watchCommand().parseAsync(['--runs', root, '--ui', 'plain'], { from: 'user' })
    expect(said()).toBe(
      'absgd: showing here; left out, as held elsewhere: held ("absgd watch RUN" shows one all the same)\n',
    )
    expect(printed()).toContain('completed after 10 of 100 steps')
  })
})

/** What this process prints until the end of the test. */
function captured() {
  const { exitCode } = process
  const out: string[] = []
  const err: string[] = []
  const keep = (lines: string[]) => (text: unknown) => lines.push(String(text)) > 0
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep(out)),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep(err)),
  ]
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
    process.exitCode = exitCode
  })
  return { printed: () => out.join(''), said: () => err.join('') }
}
