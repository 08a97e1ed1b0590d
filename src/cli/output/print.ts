/** Prints a line of a command. Tests collect the lines instead. */
export type Print = (line: string) => void

export const toStdout: Print = (line) => {
  process.stdout.write(`${line}\n`)
}
