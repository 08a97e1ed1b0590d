// Runs of every kind, and what the commands print of them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'

export const experiment = fileURLToPath(new URL('experiment.mjs', import.meta.url))

/** Runs without Python; their numbers are the same every time, except for those of the paced run. */
export async function recordSimulated(commandLine) {
  const { json, jsonLines, absgd } = commandLine
  const simulate = ['run', experiment, '--simulate', '--ui', 'json']
  return {
    plan: await json(['plan', experiment, '--arm', 'plain,annealed', '--at', '0,60,299', '--json']),
    'plan in a file': await planFile(commandLine, experiment, '--arm', 'annealed'),
    run: await jsonLines([...simulate, '--name', 'first']),
    'run with feedback': await jsonLines([...simulate, '--name', 'aimed', '--arm', 'aimed'], {
      shape: true,
    }),
    'run with settings': await jsonLines([...simulate, '--name', 'second', '--set', 'lambda=-7']),
    'run with a taken name': await jsonLines([...simulate, '--name', 'first', '--param', 'length=30']),
    'set of runs': await jsonLines([...simulate, '--name', 'set', '--arm', 'plain,annealed', '--seeds', '2']),
    'the same set again': await jsonLines([
      ...simulate,
      '--name',
      'set',
      '--arm',
      'plain,annealed',
      '--seeds',
      '2',
    ]),
    fork: await jsonLines([
      ...['fork', 'first', '--name', 'forked', '--at', '200'],
      ...['--set', 'lambda=-1', '--why', 'a test', '--ui', 'json'],
    ]),
    replay: await json(['replay', 'first', '--name', 'replayed', '--json']),
    'plan of a run': await planFile(commandLine, 'forked'),
    show: await json(['show', 'forked', '--json']),
    'show several': await json(['show', 'set-*', '--json']),
    ls: await json(['ls', '--json']),
    compare: await json(['compare', 'set-*', '--json']),
    'compare one metric': await json(['compare', 'first', 'second', '--metric', 'val.loss', '--json']),
    samples: await json(['samples', 'first', '--suspects', '5', '--json']),
    'samples of a class': await json(['samples', 'first', '--class', '1', '--json']),
    'samples in CSV': csvShape(await absgd('samples', 'first', '--csv', '--suspects', '5')),
    ledger: await json(['ledger', 'forked', '--json']),
    'what-if': await json(['what-if', 'first', 'lambda=-4,off', 'ess=0.6', 'kl=0.5', '--json']),
    suggest: await json(['suggest', 'first', '--wrong', '0.2', '--json']),
    'watch a finished run': await jsonLines(['watch', 'first', '--ui', 'json']),
    operated: await recordOperated(commandLine),
  }
}

/** A run that is steered while it trains: where it stands depends on time, so shapes are recorded. */
async function recordOperated(commandLine) {
  const { json, jsonLines, absgd } = commandLine
  const shape = { shape: true }
  const run = ['run', experiment, '--simulate', '--name', 'steered', '--detach', '--ui', 'json']
  const detached = await json([...run, '--pace', '50', '--param', 'length=100000'])
  await until(commandLine, 'steered', ({ steps, phase }) => steps > 0 && phase === 'training')
  const operate = (name, ...args) => json([name, 'steered', '--json', ...args], shape)
  const recorded = {
    detached,
    pause: await operate('pause'),
    'show while paused': await json(['show', 'steered', '--json'], shape),
    step: await operate('step', '-n', '2'),
    checkpoint: await operate('checkpoint'),
    evaluate: await operate('evaluate'),
    set: await operate('set', 'lambda=-4', 'lr*=0.5', '--why', 'a test'),
    'step after set': await operate('step'),
    undo: await operate('undo'),
    resume: { exitCode: (await absgd('resume', 'steered')).exitCode },
    stop: await operate('stop', '--why', 'enough'),
  }
  await until(commandLine, 'steered', ({ status }) => status !== 'running')
  return {
    ...recorded,
    'show after stop': await json(['show', 'steered', '--json'], shape),
    ledger: await json(['ledger', 'steered', '--json'], shape),
    'watch after stop': await jsonLines(['watch', 'steered', '--ui', 'json'], shape),
  }
}

/** A small task on PyTorch's CPU with one thread: its numbers are the same every time. */
export async function recordReal(commandLine) {
  const { json, jsonLines } = commandLine
  const threads = ['--threads', '1']
  return {
    run: await jsonLines(['run', experiment, '--name', 'real', '--ui', 'json', ...threads]),
    show: await json(['show', 'real', '--json']),
    samples: await json(['samples', 'real', '--suspects', '5', '--json']),
    'what-if': await json(['what-if', 'real', 'lambda=-4', 'ess=0.6', '--json']),
    suggest: await json(['suggest', 'real', '--json']),
    fork: await jsonLines([
      ...['fork', 'real', '--name', 'real-forked', '--at', '200', '--set', 'gamma=0.5', '--ui', 'json'],
      ...threads,
    ]),
    ledger: await json(['ledger', 'real-forked', '--json']),
    replay: await json(['replay', 'real', '--name', 'real-replayed', '--json', ...threads]),
    ls: await json(['ls', '--json'], { shape: true }),
  }
}

async function planFile({ absgd, folder }, ...args) {
  const file = join(folder, 'plan.json')
  const { exitCode, stderr } = await absgd('plan', ...args, '-o', file)
  if (exitCode !== 0) throw new Error(stderr)
  const plan = JSON.parse(readFileSync(file, 'utf8'))
  return { exitCode, fields: Object.keys(plan).sort(), controls: Object.keys(plan.controls ?? {}).sort() }
}

function csvShape({ exitCode, stdout }) {
  const [header, ...rows] = stdout.trimEnd().split('\n')
  return { exitCode, header, rows: rows.length }
}

async function until({ absgd }, run, holds) {
  for (;;) {
    const { stdout } = await absgd('show', run, '--json')
    if (stdout !== '' && holds(JSON.parse(stdout))) return
    await sleep(INTERVAL_MS)
  }
}

const INTERVAL_MS = 100
