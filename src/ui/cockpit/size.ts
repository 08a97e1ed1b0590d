/** The size of the terminal, and from which on the panels fit. */

export interface Size {
  readonly columns: number
  readonly rows: number
}

export const LEAST: Size = { columns: 50, rows: 18 }

export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < LEAST.columns || rows < LEAST.rows
}
