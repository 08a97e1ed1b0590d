// Wrong usage of every command: exit codes, and that nothing is left behind. Expects the runs that `recordSimulated` makes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { experiment } from './runs.mjs'

const run = (...args) => ['run', experiment, '--simulate', ...args]

const COMMANDS = {
  'no command': [],
  'unknown command': ['rnu'],
  'unknown option': run('--nmae', 'x'),
  'experiment that does not exist': ['run', 'gone.ts'],
  'experiment that is none': ['run', 'none.ts'],
  'experiment that throws': ['run', 'throws.ts'],
  'experiment that does not parse': ['run', 'syntax.ts'],
  'file that is no TypeScript': ['run', 'plain.txt'],
  'unknown arm': run('--arm', 'plian'),
  'unknown parameter': run('--param', 'sede=1'),
  'parameter without a value': run('--param', 'seed'),
  'parameter of the wrong type': run('--param', 'seed=x'),
  'lambda of 0': run('--arm', 'zero-lambda'),
  'gamma above 1': run('--arm', 'large-gamma'),
  'unknown control': run('--arm', 'unknown-control'),
  'set of lambda 0': run('--set', 'lambda=0'),
  'set of a factor': run('--set', 'lambda*=2'),
  'set of a later step': run('--set', 'lambda=2@100'),
  'set of an unknown control': run('--set', 'lamda=2'),
  'name of a path': run('--name', '../x'),
  'name with a space': run('--name', 'a b'),
  'exact name that exists': run('--name', 'first', '--exact-name'),
  'jobs of 0': run('--jobs', '0'),
  'seeds of none': run('--seeds', '0'),
  'seeds of words': run('--seeds', 'some'),
  'pace of a word': run('--pace', 'fast'),
  'pace of 0': run('--pace', '0'),
  'pace without a simulation': ['run', experiment, '--pace', '5'],
  'simulation with an interpreter': run('--python', 'python3'),
  'interpreter that does not exist': ['run', experiment, '--python', '/nonexistent'],
  'unknown ui': run('--ui', 'loud'),
  'cockpit without a terminal': run('--ui', 'cockpit'),
  'cockpit of several runs': run('--ui', 'cockpit', '--seeds', '2'),
  'detached set': run('--seeds', '2', '--detach'),
  'attach to an experiment that does not exist': ['attach', 'gone.ts'],
  'plan of an unknown arm': ['plan', experiment, '--arm', 'plian'],
  'plan at a word': ['plan', experiment, '--at', 'soon'],
  'plan file of several arms': ['plan', experiment, '--arm', 'all', '-o', 'plan.json'],
  'plan file of feedback': ['plan', experiment, '--arm', 'aimed', '-o', 'plan.json'],
  'plan file of too many steps': ['plan', experiment, '--steps', '1000', '-o', 'plan.json'],
  'plan file in no folder': ['plan', experiment, '-o', 'no/folder/plan.json'],
  'show of an unknown run': ['show', 'frist'],
  'show of a pattern without a match': ['show', 'zz*'],
  'watch of two runs in lines': ['watch', 'first', 'second', '--ui', 'plain'],
  'watch in an empty folder': ['watch', '--runs', 'nowhere'],
  'compare of an unknown metric': ['compare', 'first', '--metric', 'val.acuracy'],
  'compare with an unknown baseline': ['compare', 'first', '--baseline', 'plian'],
  'samples of an unknown run': ['samples', 'frist'],
  'samples of a negative class': ['samples', 'first', '--class', '-1'],
  'samples of an unknown class': ['samples', 'first', '--class', '99'],
  'samples in two formats': ['samples', 'first', '--csv', '--json'],
  'what-if of nothing': ['what-if', 'first'],
  'what-if of an unknown name': ['what-if', 'first', 'lamda=2'],
  'what-if of lambda 0': ['what-if', 'first', 'lambda=0'],
  'what-if of a share above 1': ['what-if', 'first', 'ess=1.5'],
  'suggest of a share above 1': ['suggest', 'first', '--wrong', '2'],
  'ledger of an unknown run': ['ledger', 'frist'],
  'fork of a checkpoint that does not exist': ['fork', 'first', '--at', '77'],
  'fork with a bad edit': ['fork', 'first', '--set', 'lambda'],
  'fork with a taken name': ['fork', 'first', '--name', 'second'],
  'replay of an unknown run': ['replay', 'frist'],
  'resume of a completed run': ['resume', 'first'],
  'set of an ended run': ['set', 'first', 'lambda=-1'],
  'set without a value': ['set', 'first', 'lambda'],
  'undo of an ended run': ['undo', 'first'],
  'pause of an ended run': ['pause', 'first'],
  'pause of a pattern without a live run': ['pause', 'f*'],
  'step of no steps': ['step', 'first', '-n', '0'],
  'restore without a step': ['restore', 'first'],
  'stop of an unknown run': ['stop', 'frist'],
}

export async function recordBadInput({ refusal, python, folder }) {
  const files = {
    'none.ts': 'export default { length: 3 }\n',
    'throws.ts': "throw new TypeError('no table')\n",
    'syntax.ts': 'export default {\n  length: = 3\n}\n',
    'plain.txt': 'text\n',
    'script.py': 'print("a script")\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const recorded = {}
  for (const [name, args] of Object.entries(COMMANDS)) recorded[name] = await refusal(args)
  for (const [name, args] of Object.entries(PYTHON)) {
    recorded[name] = { exitCode: (await python('absgd_worker.run', ...args)).exitCode }
  }
  return recorded
}

const PYTHON = {
  'absgd-run without a script': [],
  'absgd-run of a script that does not exist': ['gone.py'],
  'absgd-run with lambda 0': ['--lam', '0', 'script.py'],
  'absgd-run with gamma above 1': ['--lam', '-2', '--gamma', '2', 'script.py'],
  'absgd-run of a script': ['script.py'],
}
