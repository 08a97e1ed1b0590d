/** Whatever is broken about a run, no command removes anything of it that existed before. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { launch } from '../../../src/index.js'
import { resolveExperiment } from '../../../src/experiment/resolve-experiment.js'
import { forkRun } from '../../../src/run/fork.js'
import {
  createRunDirectory,
  removeUnused,
  runPaths,
  writeControllerFile,
} from '../../../src/log/run-directory.js'
import { prepareRun } from '../../../src/run/prepare.js'
import { here } from '../../../src/process/identity.js'
import { replayRun } from '../../../src/run/replay.js'
import { startRun } from '../../../src/run/start.js'
import { bindController } from '../../../src/wire/zmq-channel.js'
import { cli } from '../../helpers/cli.js'
import { checkpoint, hello, stepBatch } from '../../helpers/controller.js'
import { manifest, ended } from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'
import { tiny } from '../helpers.js'

/** A run that was trained: with a log of steps and of samples, a checkpoint, a spool, and what its worker printed. */
async function trainedRun(root: string): Promise<string> {
  const described = manifest()
  const { dir } = {
    dir: await writeRun(
      root,
      [
        { type: 'controller-started', version: '0.1.0', pid: 1, manifestJson: JSON.stringify(described) },
        { type: 'worker-joined', hello: hello(), leaseEpoch: 1, attempt: 1, runSteps: 100 },
        stepBatch(0, 50),
        { type: 'sample-batch', attempt: 1, steps: [] },
        checkpoint(50, 'checkpoints/1-50.pt'),
        ended(50, { status: 'failed', reason: 'it broke' }),
      ],
      { config: { ...described.config, simulated: true }, experimentFile: join(root, 'gone.ts') },
    ),
  }
  const { checkpoints, spool, workerLog, controllerLog } = runPaths(dir)
  writeFileSync(join(checkpoints, '1-50.pt'), 'weights')
  writeFileSync(join(spool, '00000000000000ff.steps.000000000001.log'), 'not read to its end')
  writeFileSync(workerLog, 'printed')
  writeFileSync(controllerLog, 'said')
  writeFileSync(join(dir, 'notes.txt'), "the user's own")
  return dir
}

const DAMAGES: Readonly<Record<string, (dir: string, root: string) => void>> = {
  nothing: () => undefined,
  'steps.log missing': (dir) => {
    rmSync(runPaths(dir).steps)
  },
  'its first byte bad': (dir) => {
    const bytes = readFileSync(runPaths(dir).steps)
    bytes[0]! ^= 0xff
    writeFileSync(runPaths(dir).steps, bytes)
  },
  'steps.log empty': (dir) => {
    truncateSync(runPaths(dir).steps, 0)
  },
  'its header alone': (dir) => {
    truncateSync(runPaths(dir).steps, 16)
  },
  'samples.log bad': (dir) => {
    writeFileSync(runPaths(dir).samples, 'x'.repeat(100))
  },
  'no manifest': (dir) => {
    rmSync(runPaths(dir).manifest)
  },
  'a stale controller.json that names a file of the user as a socket': (dir, root) => {
    const endpoints = {
      control: `ipc://${join(root, 'control')}`,
      telemetry: `ipc://${join(root, 'precious')}`,
    }
    writeControllerFile(dir, { pid: 1, ...here(), endpoints, startedAt: '' })
  },
  'a lock that is none': (dir) => {
    writeFileSync(runPaths(dir).lock, '')
  },
}

const resolved = resolveExperiment(tiny(), { params: {} })

/** Every command that is given a run that exists, or its name. Each fails or comes to nothing here. */
const COMMANDS: Readonly<Record<string, (dir: string, root: string) => Promise<unknown>>> = {
  run: (dir, root) => prepareRun({ experiment: tiny(), runs: root, name: basename(dir), simulate: true }),
  attach: (dir, root) => prepareRun({ experiment: tiny(), runs: root, name: basename(dir), attach: true }),
  launch: (dir, root) =>
    launch(tiny(), { runs: root, name: basename(dir), simulate: true, handleSignals: false }),
  'fork to a name that exists': (dir) => forkRun(dir, { resolved, name: basename(dir), edits: [], why: '' }),
  replay: (dir) => replayRun(dir, { resolved, name: basename(dir) }),
  'the clean-up of a run that never began': (dir) => {
    removeUnused(dir)
    return Promise.resolve()
  },
}

/** Content by path below `root`; of a log what it holds beyond its header, since it may grow. */
function everythingIn(root: string): ReadonlyMap<string, string> {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return new Map(
    found
      .map((path) => join(root, path))
      .filter(
        (path) =>
          statSync(path).isFile() && basename(path) !== 'lock' && basename(path) !== 'controller.json',
      )
      .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

async function damagedRun(damage: string): Promise<{ dir: string; root: string }> {
  const root = temporaryRoot()
  const dir = await trainedRun(root)
  for (const name of ['control', 'precious']) writeFileSync(join(root, name), 'not a socket')
  DAMAGES[damage]!(dir, root)
  return { dir, root }
}

describe.each(Object.keys(DAMAGES))('a run with %s', (damage) => {
  test.each(Object.keys(COMMANDS))('keeps all that it has through %s', async (command) => {
    const { dir, root } = await damagedRun(damage)
    const before = everythingIn(root)
    await COMMANDS[command]!(dir, root).catch(() => undefined)
    const after = everythingIn(root)
    expect([...before].filter(([path, hash]) => after.get(path) !== hash)).toEqual([])
  })
})

/** What would train on over the leftovers of an earlier training is refused, and nothing is changed. */
test.each(['steps.log missing', 'its first byte bad', 'steps.log empty', 'its header alone'])(
  'a controller does not begin a run anew over its checkpoints: %s',
  async (damage) => {
    const { dir, root } = await damagedRun(damage)
    const before = everythingIn(root)
    const taken = startRun({ dir, manifest: manifest(), resolved })
    await expect(taken).rejects.toMatchObject({ code: 'log' })
    const after = everythingIn(root)
    expect([...before].filter(([path, hash]) => after.get(path) !== hash)).toEqual([])
  },
)

test.each(['steps.log missing', 'a stale controller.json that names a file of the user as a socket'])(
  'absgd resume with an experiment that does not load removes nothing: %s',
  async (damage) => {
    const { dir, root } = await damagedRun(damage)
    const before = everythingIn(root)
    const { code } = await cli(['resume', dir, '--runs', root, '--ui', 'none'])
    expect(code).not.toBe(0)
    const after = everythingIn(root)
    const changed = [...before]
      .filter(([path, hash]) => after.get(path) !== hash)
      .map(([path]) => basename(path))
    // The controller that fails says why, behind what was said before.
    expect(changed.filter((name) => name !== 'controller.log')).toEqual([])
    expect(readFileSync(runPaths(dir).controllerLog, 'utf8')).toMatch(/^said/)
  },
)

test('the directory of a run that never began is removed by the process that made it, and only while it is empty', () => {
  const root = temporaryRoot()
  const empty = createRunDirectory(root, 'empty', manifest({ run: 'empty' }))
  writeFileSync(runPaths(empty).controllerLog, 'why it failed')
  // A worker was started early, and was not needed.
  writeFileSync(runPaths(empty).workerLog, '')
  removeUnused(empty)
  expect(existsSync(empty)).toBe(false)
  const additions = ['notes.txt', 'steps.log', 'checkpoints/x.pt', 'spool/x.log', 'worker.log']
  for (const [i, name] of additions.entries()) {
    const dir = createRunDirectory(root, `kept-${i}`, manifest({ run: `kept-${i}` }))
    writeFileSync(join(dir, name), 'x'.repeat(17))
    const before = everythingIn(dir)
    removeUnused(dir)
    expect(everythingIn(dir)).toEqual(before)
  }
  const replaced = createRunDirectory(root, 'replaced', manifest({ run: 'replaced' }))
  rmSync(replaced, { recursive: true })
  mkdirSync(replaced)
  writeFileSync(runPaths(replaced).manifest, "somebody else's")
  removeUnused(replaced)
  expect(existsSync(runPaths(replaced).manifest)).toBe(true)
})

test('a socket is bound over nothing but a socket', async () => {
  const root = join(temporaryRoot(), 'private')
  mkdirSync(root, { mode: 0o700 })
  const endpoints = {
    control: `ipc://${join(root, 'control')}`,
    telemetry: `ipc://${join(root, 'telemetry')}`,
  }
  writeFileSync(join(root, 'telemetry'), 'not a socket')
  await expect(bindController(endpoints)).rejects.toThrow('is not a socket')
  expect(readFileSync(join(root, 'telemetry'), 'utf8')).toBe('not a socket')
  rmSync(join(root, 'telemetry'))
  // One of another program is not removed with ours.
  const other = createServer().listen(join(root, 'other'))
  await new Promise((resolve) => other.once('listening', resolve))
  const channel = await bindController(endpoints)
  await channel.close()
  expect(readdirSync(root)).toEqual(['other'])
  await new Promise((resolve) => other.close(resolve))
})
