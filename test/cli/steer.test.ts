import { describe, expect, test } from 'vitest'
import { cli, fixturePath, temporaryFolder, until } from '../helpers/cli.js'

/** What `absgd` printed as JSON. */
async function json<T>(args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await cli([...args, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}

interface Line {
  readonly kind: string
  readonly step: number
  readonly control?: string
  readonly before?: number
  readonly after?: number
  readonly by: string
  readonly why: string
  readonly state?: string
  readonly cause?: string
}

describe('a run that is steered from the command line', () => {
  test('is set, undone, forked and replayed, and its ledger tells of it', async () => {
    const runs = temporaryFolder()
    const at = ['--runs', runs]
    const started = await cli([
      ...['run', fixturePath('simulated.ts'), '--simulate', '--pace', '400', '--name', 'a'],
      ...['--param', 'length=3000'],
      ...['--detach', ...at],
    ])
    expect(started.code).toBe(0)
    await until(runs, 'a', ({ steps }) => steps >= 150)
    expect((await cli(['pause', 'a', ...at])).code).toBe(0)

    const set = await cli(['set', 'a', 'lambda=-1', 'lr*=0.5', '--why', 'a test', ...at])
    expect(set).toMatchObject({ code: 0, stderr: '' })
    expect(set.stdout).toMatch(/^a: from step \d+ on: lambda -2 → -1, lr .*; checkpoint at step \d+\n$/)
    const same = await cli(['set', 'a', 'lambda=-1', ...at])
    expect(same.stdout).toContain('lambda is -1 already')
    const refused = await cli(['set', 'a', 'gamma=1.5', ...at])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('gamma takes numbers above 0, at most 1')
    const misspelt = await cli(['set', 'a', 'lambda=cosin(1,2,3)', ...at])
    expect(misspelt.code).toBe(2)
    expect(misspelt.stderr).toContain('"cosine"?')

    const undo = await cli(['undo', 'a', ...at])
    expect(undo.stdout).toMatch(/^a: back to step \d+: .*takes back the edit of lambda, lr\n$/)
    expect((await cli(['stop', 'a', ...at])).code).toBe(0)

    const lines = await json<Line[]>(['ledger', 'a', ...at])
    expect(lines).toMatchObject([
      { kind: 'edit', control: 'lambda', after: -1, by: 'cli', why: 'a test', state: 'taken-back' },
      { kind: 'edit', control: 'lr', by: 'cli', why: 'a test', state: 'taken-back' },
      { kind: 'refused', by: 'cli' },
      { kind: 'return', cause: 'undo', by: 'cli' },
    ])

    const nowhere = await cli(['fork', 'a', '--at', '1', ...at])
    expect(nowhere.code).toBe(2)
    expect(nowhere.stderr).toMatch(/no checkpoint at step 1\n {2}the nearest are at step \d+ and step \d+/)
    const forked = await cli(['fork', 'a', '--set', 'lambda=-3', '--name', 'b', '--ui', 'json', ...at])
    expect(forked.code).toBe(0)
    const summary = await json<{ lostSteps: number; status: string }>(['show', 'b', ...at])
    expect(summary).toMatchObject({ status: 'completed', lostSteps: 0 })
    const replay = await cli(['replay', 'b', ...at])
    expect(replay).toMatchObject({ code: 0, stderr: '' })
    expect(replay.stdout).toContain('no step differs')
    expect(replay.stdout).toContain('every row is the')
  })
})
