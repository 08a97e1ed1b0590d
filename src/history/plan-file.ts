/** A plan as a file, which Python follows without a controller (`absgd_worker.session(plan=…)`). */

/** The values of each control as pairs [first step, value], ascending; a lambda that is off is "Infinity". */
export interface PlanFile {
  readonly format: 1
  readonly experiment: string
  readonly runSteps: number
  readonly controls: Readonly<
    Record<string, readonly (readonly [number, number | 'Infinity' | '-Infinity'])[]>
  >
}

/** Rows of consecutive steps: a column has a single value for all steps, or one value for each step. */
export type RowsOf = (first: number, count: number) => Readonly<Record<string, ArrayLike<number>>>

/**
 * @param span the steps [first, to)
 * @param rows NaN if a control has no value at a step
 */
export function planFileOf(
  experiment: string,
  { first, to }: { readonly first: number; readonly to: number },
  rows: RowsOf,
): PlanFile {
  const pieces = new Map<string, [number, number | 'Infinity' | '-Infinity'][]>()
  const before = new Map<string, number>()
  for (let start = first; start < to; start += BLOCK) {
    const count = Math.min(BLOCK, to - start)
    for (const [name, column] of Object.entries(rows(start, count))) {
      for (let i = 0; i < count; i++) {
        const value = column[column.length === 1 ? 0 : i] ?? NaN
        if (Number.isNaN(value) || Object.is(value, before.get(name))) continue
        before.set(name, value)
        const piece: [number, number | 'Infinity' | '-Infinity'] = [start + i, encoded(value)]
        const known = pieces.get(name)
        if (known === undefined) pieces.set(name, [piece])
        else known.push(piece)
        if (column.length === 1) break
      }
    }
  }
  return { format: 1, experiment, runSteps: to, controls: Object.fromEntries(pieces) }
}

/** JSON with one line for each control, because a varying schedule has thousands of values. */
export function planFileText({ controls, ...head }: PlanFile): string {
  const lines = Object.entries(controls).map(
    ([name, pieces]) => `    ${JSON.stringify(name)}: ${JSON.stringify(pieces)}`,
  )
  const fields = Object.entries(head).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},`,
  )
  return `{\n${fields.join('\n')}\n  "controls": {\n${lines.join(',\n')}\n  }\n}\n`
}

function encoded(value: number): number | 'Infinity' | '-Infinity' {
  if (Number.isFinite(value)) return value
  return value > 0 ? 'Infinity' : '-Infinity'
}

const BLOCK = 65_536
