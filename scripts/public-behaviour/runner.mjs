// A process that runs one command after the other: the start of Node and of the libraries is paid for once.
// Given the path of the built command line; receives arguments, sends exit code and output.
import { pathToFileURL } from 'node:url'

const main = pathToFileURL(process.argv[2]).href
let output = { stdout: '', stderr: '' }
for (const name of ['stdout', 'stderr']) {
  process[name].write = (text, ...rest) => {
    output[name] += text
    rest.findLast((one) => typeof one === 'function')?.()
    return true
  }
}
// A command ends its process. This one has others to run.
process.exit = (code) => {
  process.exitCode = code ?? process.exitCode
}

let count = 0
process.on('message', async (args) => {
  output = { stdout: '', stderr: '' }
  process.argv = [process.argv[0], main, ...args]
  process.exitCode = undefined
  // Another query is another module: it runs again. What it imports stays loaded.
  await import(`${main}?${(count += 1)}`)
  process.send({ exitCode: process.exitCode ?? 0, ...output })
})
