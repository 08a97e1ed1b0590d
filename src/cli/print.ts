/** Where commands put their lines. */
export type Print = (line: string) => void

export const toStdout: Print = (line) => {
  process.stdout.write(`${line}\n`)
}
