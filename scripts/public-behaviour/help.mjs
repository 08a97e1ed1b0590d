// Names of commands, arguments and options, as `--help` prints them.

/** By command; the program itself is `absgd`, the worker's own program `absgd-run`. */
export async function recordHelp({ inRunner, python }) {
  const program = await inRunner('--help')
  const commands = [...program.stdout.matchAll(/^ {2}([a-z][a-z_-]*)(?= |$)/gm)].map(([, name]) => name)
  const recorded = { absgd: { ...namesIn(program), commands } }
  for (const name of commands.filter((name) => name !== 'help'))
    recorded[name] = namesIn(await inRunner(name, '--help'))
  recorded['absgd-run'] = namesIn(await python('absgd_worker.run', '--help'))
  recorded['--version'] = { exitCode: (await inRunner('--version')).exitCode }
  return recorded
}

function namesIn({ exitCode, stdout }) {
  const [usage = ''] = /^usage:.*?(?=\n\n)/is.exec(stdout) ?? []
  const options = [...stdout.matchAll(/^ {2}(-.*?)(?= {2}|$)/gm)].map(([, names]) => names)
  return { exitCode, usage: usage.replaceAll(/\s+/g, ' '), options }
}
