/** The size of the terminal, and the smallest size that has room for the panels. */

export interface Size {
  readonly columns: number
  readonly rows: number
}

export const MIN_SIZE: Size = { columns: 50, rows: 18 }

export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < MIN_SIZE.columns || rows < MIN_SIZE.rows
}
